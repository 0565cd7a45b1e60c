// Reports the steps of a process's start to master and log.
#pragma once

#include <memory>
#include <optional>
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
  /// The last step failed with the exception that is being handled. Returns the exit code.
  int fail();
  /// The last step failed for a reason that is no exception.
  int fail(const std::string& what, const std::string& traceback = {});

 private:
  ipc::WorkerLink& link_;
  gateway::Reporter& reporter_;
  ipc::StartStep step_ = ipc::StartStep::start_interpreter;
};

/// Pass what it throws to `StartReport::fail`.
std::unique_ptr<python::PythonRuntime> start_python(
    const config::Settings& settings, int crash_descriptor, gateway::Reporter& reporter,
    std::optional<python::DevelopmentOptions> development = std::nullopt);

/// Imports the application as a zygote does, and reports what the import has left running. True if
/// workers may be forked after that. Throws python::LoadError.
bool preload_application(python::PythonRuntime& python, const config::Settings& settings,
                         gateway::Reporter& reporter);

/// `what`, followed by the lines of the traceback if there is one.
std::string with_traceback(const std::string& what, const std::string& traceback);

}  // namespace appd::worker
