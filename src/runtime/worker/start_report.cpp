#include "runtime/worker/start_report.hpp"

#include <fmt/format.h>

#include "runtime/support/exit_code.hpp"
#include "runtime/worker/environment.hpp"

namespace appd::worker {

using observe::StartStep;
using observe::WorkerMessage;

void StartReport::begin(StartStep step) {
  step_ = step;
  link_.send({WorkerMessage::Kind::step, step, {}});
}

int StartReport::fail() {
  try {
    throw;
  } catch (const python::LoadError& error) {
    return fail(error.what(), error.traceback());
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

int StartReport::fail(const std::string& what, const std::string& traceback) {
  reporter_.report(gateway::Level::error, with_traceback(what, traceback));
  link_.send({WorkerMessage::Kind::failed, step_, what});
  return support::exit_code::kStart;
}

std::unique_ptr<python::PythonRuntime> start_python(const config::Settings& settings,
                                                    StartReport& report,
                                                    gateway::Reporter& reporter) {
  report.begin(StartStep::enter_directory);
  enter_environment(settings);
  report.begin(StartStep::start_interpreter);
  return std::make_unique<python::PythonRuntime>(make_python_options(settings), reporter);
}

std::string with_traceback(const std::string& what, const std::string& traceback) {
  return traceback.empty() ? what : fmt::format("{}\n{}", what, traceback);
}

}  // namespace appd::worker
