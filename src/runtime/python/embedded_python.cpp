// Configures and starts the linked CPython.

#include "runtime/python/embedded_python.hpp"

#include <string>

#include "runtime/python/python_compat.hpp"
#include "runtime/python/start_error.hpp"

namespace appd::python {
namespace {

class Config {
 public:
  Config() { PyConfig_InitPythonConfig(&config_); }
  ~Config() { PyConfig_Clear(&config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  PyConfig& get() noexcept { return config_; }

  void set(wchar_t** member, const char* value) {
    check(PyConfig_SetBytesString(&config_, member, value));
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

}  // namespace

void start_embedded_python() {
  Config config;
  config.get().parse_argv = 0;
  config.set(&config.get().program_name, APPD_PYTHON);
  config.set(&config.get().executable, APPD_PYTHON);
  config.append_argument(L"appd");
  config.start();
}

}  // namespace appd::python
