// The Python type of start_response, called without a tuple of arguments.

#include "runtime/python/start_response.hpp"

#include <structmember.h>

#include "runtime/python/boxed.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/response.hpp"

namespace appd::python {

StartResponse::StartResponse(Response& response) noexcept
    : response_(&response), thread_(std::this_thread::get_id()) {}

Response& StartResponse::response() const {
  if (write_ == nullptr) raise(PyExc_RuntimeError, "this request has ended");
  return *response_;
}

Response& StartResponse::response_for_sending() const {
  if (thread_ != std::this_thread::get_id())
    raise(PyExc_RuntimeError, "write() was called on another thread than the application");
  return response();
}

// -- The Python type

namespace {

struct Callable {
  Callable(vectorcallfunc function, Response& response) noexcept
      : call(function), state(response) {}

  vectorcallfunc call;  // where __vectorcalloffset__ says
  StartResponse state;
};

StartResponse& state_of(PyObject* self) noexcept {
  return unboxed<Callable>(self).state;
}

PyObject* write_slot(PyObject* self, PyObject* bytes) noexcept {
  return guarded([&] {
    state_of(self).response_for_sending().write(bytes);
    return none();
  });
}

PyMethodDef write_method = {"write", write_slot, METH_O,
                            "write(data): sends body bytes now; returning an iterable is better"};

/// The third argument of start_response(status, headers, exc_info=None), or null.
PyObject* parse_exc_info(PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const bool by_name =
      named == 1 && count == 2 &&
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") == 0;
  if (!by_name && (named != 0 || count < 2 || count > 3))
    raise(PyExc_TypeError, "start_response takes status, headers and perhaps exc_info");
  PyObject* const exc_info = count + named == 3 ? arguments[2] : nullptr;
  return exc_info == Py_None ? nullptr : exc_info;
}

PyObject* call_slot(PyObject* self, PyObject* const* arguments, std::size_t flagged_count,
                    PyObject* names) noexcept {
  return guarded([&] {
    PyObject* const exc_info = parse_exc_info(arguments, PyVectorcall_NARGS(flagged_count), names);
    StartResponse& state = state_of(self);
    state.response().start(arguments[0], arguments[1], exc_info);
    return state.write();
  });
}

}  // namespace

Ref StartResponse::make_type() {
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET,
       static_cast<Py_ssize_t>(offsetof(Boxed<Callable>, value) + offsetof(Callable, call)),
       READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("start_response(status, headers, exc_info=None) of PEP 3333")},
      {Py_tp_dealloc, slot(dealloc_boxed<Callable>)},
      {Py_tp_call, slot(PyVectorcall_Call)},
      {Py_tp_members, members},
      {0, nullptr},
  };
  static PyType_Spec spec = {"appd.StartResponse", sizeof(Boxed<Callable>), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
                                 Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                             slots};
  return checked(PyType_FromSpec(&spec));
}

BoundFunction StartResponse::make(PyObject* type, Response& response) {
  return {make_boxed<Callable>(type, call_slot, response), write_method};
}

StartResponse& StartResponse::of(PyObject* object) noexcept {
  return state_of(object);
}

}  // namespace appd::python
