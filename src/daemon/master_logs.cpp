// Opens the master's logs anew after a rotation.

#include "daemon/master_logs.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "daemon/setting_values.hpp"

namespace appd {

void MasterLogs::follow(gateway::Level threshold, const std::optional<support::Account>& account) {
  log_.set_threshold(threshold);
  account_ = account;
}

void MasterLogs::reopen() {
  const auto* const account = pointer_to(account_);
  try_to_reopen("log", [&] { err_.reopen(account); });
  try_to_reopen("standard output", [&] { out_.reopen(account); });
}

void MasterLogs::reopen(logging::AccessLog* access_log) {
  if (access_log) try_to_reopen("access log", [access_log] { access_log->reopen(); });
}

/// If `reopen` throws, a line says so of the log called `what`, which goes on in the file that it
/// has.
void MasterLogs::try_to_reopen(const std::string& what, const std::function<void()>& reopen) {
  try {
    reopen();
  } catch (const std::runtime_error& error) {
    log_.report(gateway::LogEvent::log_not_reopened,
                fmt::format("cannot reopen the {}, which goes on in the file that it has: {}", what,
                            error.what()));
  }
}

gateway::LogStreams MasterLogs::streams(const logging::AccessLog* access_log) const noexcept {
  return {out_.file(), err_.file(), access_log ? access_log->file() : -1};
}

}  // namespace appd
