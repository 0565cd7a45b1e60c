// The logs of the master, and the standard streams that all processes share.
#pragma once

#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/log.hpp"
#include "runtime/logging/log_file.hpp"
#include "runtime/support/account.hpp"

namespace appd {

/// The master's log, and standard output and error, which its workers have too. Single-threaded.
class MasterLogs {
 public:
  explicit MasterLogs(gateway::Level threshold) : log_(threshold, "master") {}

  gateway::Reporter& log() noexcept { return log_; }
  /// From now on the log has this level, and files are opened anew as this account would.
  void follow(gateway::Level threshold, const std::optional<support::Account>& account);

  /// Opens the standard streams anew that were redirected into files.
  void reopen();
  /// Has `reopen` open a log anew, called `what` in the line that says that it failed. The log then
  /// goes on in the file that it has.
  void try_to_reopen(const std::string& what, const std::function<void()>& reopen);

  /// For a worker to go on in. `access` is the access log's file, −1 if there is none.
  gateway::LogStreams streams(int access) const noexcept;

 private:
  logging::Log log_;
  const logging::StandardFile out_{STDOUT_FILENO};
  const logging::StandardFile err_{STDERR_FILENO};
  std::optional<support::Account> account_;
};

}  // namespace appd
