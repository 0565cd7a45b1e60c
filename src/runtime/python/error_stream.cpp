// Splits text written to wsgi.errors into lines and reports them.

#include "runtime/python/error_stream.hpp"

#include <fmt/format.h>

#include "runtime/gateway/request_text.hpp"
#include "runtime/python/boxed.hpp"
#include "runtime/python/console_writes.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/gil.hpp"
#include "runtime/support/application_forks.hpp"

namespace appd::python {
namespace {

/// A longer line is reported in parts.
constexpr std::size_t kLongestLine = 64 * 1024;

// The call that runs on this thread: a property of the thread, not of an interpreter.
thread_local ErrorText* current = nullptr;

}  // namespace

ErrorText* ErrorText::of_this_thread() noexcept {
  return current;
}

void ErrorText::begin(gateway::Exchange& exchange) noexcept {
  exchange_ = &exchange;
  current = this;
}

void ErrorText::end() {
  if (!partial_.empty()) report(partial_);
  partial_.clear();
  current = nullptr;
  exchange_ = nullptr;
}

void ErrorText::write(std::string_view text) {
  if (!support::forked_by_application()) exchange_->send_error_text(text);
  partial_ += text;
  const std::size_t newline = partial_.rfind('\n');
  const bool whole_lines = newline != std::string::npos;
  if (!whole_lines && partial_.size() < kLongestLine) return;
  const std::string lines = partial_.substr(0, newline);
  partial_.erase(0, whole_lines ? newline + 1 : newline);
  report(lines);
}

void ErrorText::report(std::string_view lines) {
  const std::string message = gateway::message_about(exchange_->request(), lines);
  GilRelease released;
  reporter_.report(gateway::LogEvent::application_errors, message);
}

void ErrorStream::write(PyObject* text) {
  if (!PyUnicode_Check(text))
    raise(PyExc_TypeError, "wsgi.errors takes str, not %s", Py_TYPE(text)->tp_name);
  std::string utf8 = to_utf8(text);
  if (utf8.empty()) return;
  count_console_write();
  if (ErrorText* const sink = ErrorText::of_this_thread()) return sink->write(utf8);
  if (utf8.back() == '\n') utf8.pop_back();
  gateway::Reporter& reporter = reporter_;
  GilRelease released;
  if (!utf8.empty()) reporter.report(gateway::LogEvent::application_errors, utf8);
}

// -- The Python type

namespace {

ErrorStream& stream_of(PyObject* self) noexcept {
  return unboxed<ErrorStream>(self);
}

PyObject* write_slot(PyObject* self, PyObject* text) noexcept {
  return guarded([&] {
    stream_of(self).write(text);
    return checked(PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text)));
  });
}

PyObject* writelines_slot(PyObject* self, PyObject* lines) noexcept {
  return guarded([&] {
    const Ref iterator = checked(PyObject_GetIter(lines));
    while (const Ref line = Ref::steal(PyIter_Next(iterator.get())))
      stream_of(self).write(line.get());
    if (PyErr_Occurred() != nullptr) throw PythonError();
    return none();
  });
}

PyObject* flush_slot(PyObject*, PyObject*) noexcept {
  return none().release();
}

}  // namespace

Ref ErrorStream::make(gateway::Reporter& reporter) {
  static PyMethodDef methods[] = {
      {"write", write_slot, METH_O, "Writes text to the server's log"},
      {"writelines", writelines_slot, METH_O, "Writes each text of an iterable"},
      {"flush", flush_slot, METH_NOARGS, "Does nothing: whole lines are written at once"},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("The server's log")},
      {Py_tp_dealloc, slot(dealloc_boxed<ErrorStream>)},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "appd.ErrorStream", sizeof(Boxed<ErrorStream>), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  const Ref type = checked(PyType_FromSpec(&spec));
  return make_boxed<ErrorStream>(type.get(), reporter);
}

}  // namespace appd::python
