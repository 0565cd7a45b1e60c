// Reports the steps of a process's start to master and log.
#pragma once

#include <memory>
#include <string>

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::worker {

/// Tells master and log how far the start of a process is, and what it failed at.
class StartReport {
 public:
  /// Both are borrowed.
  StartReport(ipc::WorkerLink& link, gateway::Reporter& reporter)
      : link_(link), reporter_(reporter) {}

  void begin(ipc::StartStep step);
  /// What was begun last has failed, for the exception that is being handled. Gives the exit code.
  int fail();
  /// The same in words.
  int fail(const std::string& what, const std::string& traceback = {});

 private:
  ipc::WorkerLink& link_;
  gateway::Reporter& reporter_;
  ipc::StartStep step_ = ipc::StartStep::enter_directory;
};

/// The steps up to start_interpreter; what they throw is for `StartReport::fail`.
std::unique_ptr<python::PythonRuntime> start_python(const config::Settings& settings,
                                                    int crash_descriptor, StartReport& report,
                                                    gateway::Reporter& reporter);

/// Imports the application as a zygote does and reports what the import has left: whether workers
/// may be forked then. Throws python::LoadError.
bool preload_application(python::PythonRuntime& python, const config::Settings& settings,
                         gateway::Reporter& reporter);

/// `what`, and on further lines the traceback if there is one.
std::string with_traceback(const std::string& what, const std::string& traceback);

}  // namespace appd::worker
