// The logs of the master, and the standard streams that all processes share.
#pragma once

#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/logging/log.hpp"
#include "runtime/logging/log_file.hpp"
#include "runtime/support/account.hpp"

namespace appd {

/// The master's log, and standard output and error, which its workers have too. Single-threaded.
class MasterLogs {
 public:
  explicit MasterLogs(gateway::Level threshold) : log_(threshold, "master") {}

  gateway::Reporter& log() noexcept { return log_; }
  /// From now on the log has this level, and files are opened anew as this account would open them.
  void follow(gateway::Level threshold, const std::optional<support::Account>& account);

  /// Opens standard output and error anew if they were redirected into files.
  void reopen();
  /// Does the same with a deployment's access log; null if it has none.
  void reopen(logging::AccessLog* access_log);

  /// The files for a worker to go on in, with that of its deployment's access log; null if it has
  /// none.
  gateway::LogStreams streams(const logging::AccessLog* access_log) const noexcept;

 private:
  void try_to_reopen(const std::string& what, const std::function<void()>& reopen);

  logging::Log log_;
  const logging::StandardFile out_{STDOUT_FILENO};
  const logging::StandardFile err_{STDERR_FILENO};
  std::optional<support::Account> account_;
};

}  // namespace appd
