// Prepares the interpreter of a worker.

#include "runtime/python/interpreter.hpp"

#include <csignal>
#include <filesystem>
#include <string_view>
#include <vector>

#include "runtime/python/errors.hpp"
#include "runtime/python/start_error.hpp"

namespace appd::python {
namespace {

/// The directories may be relative to the working directory, which may change later.
void put_in_front(const std::vector<std::string>& directories) {
  PyObject* const path = PySys_GetObject("path");  // borrowed
  Py_ssize_t position = 0;
  for (const std::string& directory : directories) {
    const Ref entry =
        checked(PyUnicode_DecodeFSDefault(std::filesystem::absolute(directory).c_str()));
    checked(PyList_Insert(path, position++, entry.get()));
  }
}

/// How often a computing thread lets others have the interpreter, in seconds. With Python's 5 ms a
/// short request beside a long one takes more than twice as long at the 99th percentile. More
/// frequent switches cost the long one next to nothing.
constexpr double kSwitchInterval = 0.001;

void let_threads_switch() {
  PyObject* const set = PySys_GetObject("setswitchinterval");  // borrowed
  const Ref interval = checked(PyFloat_FromDouble(kSwitchInterval));
  checked(PyObject_CallOneArg(set, interval.get()));
}

/// The application may choose otherwise during its import, and so may the environment.
void leave_stacks_at_crash(int descriptor) {
  if (descriptor < 0) return;
  const Ref module = checked(PyImport_ImportModule("faulthandler"));
  const Ref enabled = checked(PyObject_CallMethod(module.get(), "is_enabled", nullptr));
  if (enabled.get() == Py_True) return;  // PYTHONFAULTHANDLER
  checked(PyObject_CallMethod(module.get(), "enable", "iO", descriptor, Py_True));
}

void buffer_stdout_by_line() {
  PyObject* const stream = PySys_GetObject("stdout");  // borrowed; None if fd 1 is closed
  if (stream == nullptr || stream == Py_None) return;
  const Ref method = checked(PyObject_GetAttrString(stream, "reconfigure"));
  const Ref nothing = checked(PyTuple_New(0));
  const Ref named = checked(Py_BuildValue("{s:O}", "line_buffering", Py_True));
  checked(PyObject_Call(method.get(), nothing.get(), named.get()));
}

void set_argument() {
  const Ref arguments = checked(Py_BuildValue("[s]", "appd"));
  checked(PySys_SetObject("argv", arguments.get()));
  checked(PySys_SetObject("orig_argv", arguments.get()));
}

}  // namespace

void prepare_interpreter(const PythonOptions& options) {
  // Python's own start does it, and Python relies on it.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    set_argument();
    leave_stacks_at_crash(options.crash_descriptor);
    std::vector<std::string> in_front = options.pythonpath;
    in_front.push_back(std::filesystem::current_path());
    put_in_front(in_front);
    buffer_stdout_by_line();
    let_threads_switch();
  } catch (const PythonError&) {
    throw StartError("Python cannot start: " + take_failure().line);
  }
}

void leave_interrupts_to_the_system() {
  try {
    const Ref module = checked(PyImport_ImportModule("_signal"));
    const Ref default_action = checked(PyObject_GetAttrString(module.get(), "SIG_DFL"));
    checked(PyObject_CallMethod(module.get(), "signal", "iO", SIGINT, default_action.get()));
  } catch (const PythonError&) {
    throw StartError("Python cannot start: " + take_failure().line);
  }
}

std::string interpreter_version() {
  const std::string_view text = Py_GetVersion();  // "3.11.2 (main, …"
  return std::string(text.substr(0, text.find(' ')));
}

}  // namespace appd::python
