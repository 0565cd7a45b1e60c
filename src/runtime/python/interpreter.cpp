// Starts, configures and ends CPython.

#include "runtime/python/interpreter.hpp"

#include <signal.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "runtime/python/errors.hpp"
#include "runtime/python/start_error.hpp"
#include "runtime/python/virtualenv.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::python {
namespace {

/// The version of the loaded library, which may differ from that of the headers: "3.11".
std::string minor_version() {
  const std::string version = Interpreter::version();
  return version.substr(0, version.find('.', version.find('.') + 1));
}

class Config {
 public:
  Config() { PyConfig_InitPythonConfig(&config_); }
  ~Config() { PyConfig_Clear(&config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  PyConfig& get() noexcept { return config_; }

  void set(wchar_t** member, const std::string& value) {
    check(PyConfig_SetBytesString(&config_, member, value.c_str()));
  }

  void append_argument(const wchar_t* argument) {
    check(PyWideStringList_Append(&config_.argv, argument));
  }

  void start() { check(Py_InitializeFromConfig(&config_)); }

 private:
  static void check(PyStatus status) {
    if (PyStatus_Exception(status) == 0) return;
    const std::string message = status.err_msg != nullptr ? status.err_msg : "no message";
    throw StartError("Python cannot start: " + message);
  }

  PyConfig config_;
};

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

/// The first import of `signal` reads the handlers in force, and takes over SIGINT if nobody has
/// it, even when no handlers were asked for (3.11). So it happens here, with SIGINT hidden. appd's
/// handlers are hidden as well: an application could not restore a handler that Python knows to be
/// C code. The C module does all this; the Python module above it would import enum.
void show_default_signals_to_python() {
  const support::HiddenWorkerSignals hidden;
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &before);
  const Ref module = Ref::steal(PyImport_ImportModule("_signal"));
  sigaction(SIGINT, &before, nullptr);
  if (!module) throw PythonError();
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

}  // namespace

Interpreter::Interpreter(const PythonOptions& options) {
  const std::string executable = options.virtualenv.empty()
                                     ? std::string(APPD_PYTHON)
                                     : virtualenv_executable(options.virtualenv, minor_version());
  Config config;
  config.get().install_signal_handlers = 0;
  config.get().parse_argv = 0;
  config.set(&config.get().program_name, executable);
  config.set(&config.get().executable, executable);
  config.append_argument(L"appd");
  // Another build of the same minor version may have made the environment, and its standard library
  // does not fit this one.
  if (!options.virtualenv.empty() && std::getenv("PYTHONHOME") == nullptr)
    config.set(&config.get().home, APPD_PYTHON_HOME);
  config.start();
  // Part of what install_signal_handlers does, and Python relies on it
  std::signal(SIGPIPE, SIG_IGN);
  try {
    show_default_signals_to_python();
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

bool Interpreter::finalize() noexcept {
  return Py_FinalizeEx() == 0;
}

std::string Interpreter::version() {
  const std::string_view text = Py_GetVersion();  // "3.11.2 (main, …"
  return std::string(text.substr(0, text.find(' ')));
}

}  // namespace appd::python
