// Sends start steps over the link, and logs failures and findings.

#include "runtime/worker/start_report.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "runtime/support/exit_code.hpp"
#include "runtime/worker/environment.hpp"

namespace appd::worker {

using gateway::LogEvent;
using ipc::StartStep;
using ipc::WorkerMessage;

namespace {

constexpr const char* kAdvice =
    "create these when they are first needed, or restart each thread in "
    "os.register_at_fork(after_in_child=...); --preload=force starts appd anyway";

}  // namespace

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
  // The master logs it, once for all workers that fail with the same text. Only what the link
  // would cut is logged here.
  std::string text = with_traceback(what, traceback);
  if (text.size() > ipc::kMostMessageText) reporter_.report(LogEvent::worker_start_failed, text);
  link_.send({WorkerMessage::Kind::failed, step_, std::move(text)});
  return support::exit_code::kStart;
}

std::unique_ptr<python::PythonRuntime> start_python(
    const config::Settings& settings, int crash_descriptor, gateway::Reporter& reporter,
    std::optional<python::DevelopmentOptions> development) {
  python::PythonOptions options = make_python_options(settings, crash_descriptor);
  options.development = std::move(development);
  return std::make_unique<python::PythonRuntime>(std::move(options), reporter);
}

bool preload_application(python::PythonRuntime& python, const config::Settings& settings,
                         gateway::Reporter& reporter) {
  const bool forced = settings.preload == config::Preload::force;
  bool torn = false;
  for (const python::ImportFinding& finding : python.preload_application()) {
    const LogEvent torn_event = forced ? LogEvent::preload_forced : LogEvent::preload_refused;
    reporter.report(finding.harmless ? LogEvent::preload_noticed : torn_event, finding.text);
    torn = torn || !finding.harmless;
  }
  if (!torn || forced) return true;
  reporter.report(LogEvent::preload_refused, kAdvice);
  return false;
}

std::string with_traceback(const std::string& what, const std::string& traceback) {
  return traceback.empty() ? what : fmt::format("{}\n{}", what, traceback);
}

}  // namespace appd::worker
