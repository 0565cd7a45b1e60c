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
  /// From now on the log has this level, and files are opened anew as this account would open them.
  void follow(gateway::Level threshold, const std::optional<support::Account>& account);

  /// Opens standard output and error anew if they were redirected into files.
  void reopen();
  /// Calls `reopen` for the log called `what`. If that throws, a line says so, and the log goes on
  /// in the file that it has.
  void try_to_reopen(const std::string& what, const std::function<void()>& reopen);

  /// The files for a worker to go on in. `access` is that of the access log, −1 without one.
  gateway::LogStreams streams(int access) const noexcept;

 private:
  logging::Log log_;
  const logging::StandardFile out_{STDOUT_FILENO};
  const logging::StandardFile err_{STDERR_FILENO};
  std::optional<support::Account> account_;
};

}  // namespace appd
