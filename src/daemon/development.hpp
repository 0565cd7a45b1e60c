// What `appd dev` adds to a server.
#pragma once

#include <termios.h>

#include <optional>
#include <string>

#include "daemon/setting_values.hpp"
#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/launch/worker_start.hpp"
#include "runtime/supervisor/change_watcher.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd {

/// A server for one developer: it watches the files of the application, and keeps the terminal as
/// it has found it. Lives as long as the daemon.
class Development {
 public:
  /// Throws std::system_error.
  Development(const config::Settings& settings, const std::vector<ListenAddress>& addresses);
  /// A debugger may have left the terminal without echo.
  ~Development();
  Development(const Development&) = delete;
  Development& operator=(const Development&) = delete;

  supervisor::ChangeWatcher& watcher() noexcept { return watcher_; }
  /// What a worker gets that is started now.
  launch::DevelopmentStart start() const;

  /// Says where the application is.
  void on_ready(const std::string& module);
  void on_reloading(gateway::Reporter& log);
  void on_reloaded() const;

 private:
  supervisor::ChangeWatcher watcher_;
  support::UniqueFd failure_;  ///< a file in memory with the traceback of a failed reload
  std::string url_;            ///< "" if only a Unix socket is served
  bool pages_ = true;          ///< nobody but this machine can connect
  bool was_ready_ = false;
  std::optional<termios> terminal_;
};

/// The address to be named if the one of `appd dev` is taken: "; another one: appd dev --http …".
std::string advice_if_taken(const config::Settings& settings);

}  // namespace appd
