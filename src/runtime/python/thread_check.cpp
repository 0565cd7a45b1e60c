// Runs thread_check.py and turns its complaint into an error.

#include "runtime/python/thread_check.hpp"

#include "runtime/python/built_in.hpp"
#include "runtime/python/built_in_code.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/load_error.hpp"
#include "runtime/support/thread_id.hpp"

namespace appd::python {
namespace {

PyObject* kernel_id(PyObject*, PyObject*) noexcept {
  return PyLong_FromLong(support::thread_id());
}

}  // namespace

void require_real_threads(const std::string& application) {
  static PyMethodDef method = {"kernel_id", kernel_id, METH_NOARGS, nullptr};
  try {
    const BuiltIn code("thread_check", kThreadCheckCode);
    const Ref function = checked(PyCFunction_New(&method, nullptr));
    const Ref real = code.call("starts_real_threads", {function.get()});
    if (real.get() == Py_True) return;
    const Ref name = checked(PyUnicode_DecodeFSDefault(application.c_str()));
    throw LoadError(to_utf8(code.call("complaint", {name.get()}).get()), "");
  } catch (const PythonError&) {
    Failure failure = take_failure();
    throw LoadError(application + ": cannot start a thread after the import: " + failure.line,
                    std::move(failure.traceback));
  }
}

}  // namespace appd::python
