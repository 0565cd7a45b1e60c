// Reports and ends a fork of the application that returned into appd.

#include "runtime/python/forked_child.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "runtime/support/exit_code.hpp"

namespace appd::python {
namespace {

/// The code with which the interpreter would exit for this exception.
int exit_code_of(PyObject* exception) noexcept {
  if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) == 0) {
    return support::exit_code::kFailure;
  }
  const Ref code = Ref::steal(PyObject_GetAttrString(exception, "code"));
  if (code.get() == Py_None) return support::exit_code::kOk;
  const long number = code && PyLong_Check(code.get()) ? PyLong_AsLong(code.get()) : -1;
  const bool is_number = number != -1 || PyErr_Occurred() == nullptr;
  return code && PyLong_Check(code.get()) && is_number ? static_cast<int>(number)
                                                       : support::exit_code::kFailure;
}

[[noreturn]] void end(gateway::Reporter& reporter, std::string_view where,
                      std::string_view exception, int code) noexcept {
  try {
    reporter.report(
        gateway::LogEvent::application_forked,
        fmt::format(
            "{}: the application forked, and its child (pid {}) returned from the call{}{}; it was "
            "ended (a forked process must call os._exit, or exec another program)",
            where, ::getpid(), exception.empty() ? "" : " with ", exception));
  } catch (const std::exception&) {
    // No memory for the line.
  }
  ::_exit(code);
}

}  // namespace

void end_forked_child(gateway::Reporter& reporter, std::string_view where,
                      std::string_view exception) noexcept {
  end(reporter, where, exception, support::exit_code::kFailure);
}

void end_forked_child_as_pending(gateway::Reporter& reporter, std::string_view where) noexcept {
  if (PyErr_Occurred() == nullptr) end(reporter, where, {}, support::exit_code::kFailure);
  const Ref exception = Ref::steal(compat::take_raised());
  end(reporter, where, describe(exception.get()).line, exit_code_of(exception.get()));
}

void raise_of_parent(const char* what) {
  raise(PyExc_RuntimeError,
        "%s belongs to the process that serves the request; this one was forked from it", what);
}

}  // namespace appd::python
