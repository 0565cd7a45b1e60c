// Tells the service manager how this service is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace appd::supervisor {

/// What the service manager that started this process is told of it (sd_notify: NOTIFY_SOCKET and
/// WATCHDOG_USEC in the environment). Where there is none, nothing happens.
class ServiceManager {
 public:
  /// The manager's watchdog does not ask whether this process ran.
  using Clock = std::chrono::steady_clock;

  /// `served`: the application and where it is reached, the begin of each status.
  ServiceManager(std::string served, unsigned workers);

  /// The first start has succeeded.
  void on_ready();
  /// It has failed, and that, with the reason, is the last status.
  void on_start_failed(std::string_view why);
  /// The same before there is anything to be served.
  static void tell_failure(std::string_view why);
  /// The configuration is read again, and the next generation started: whoever asked for it waits.
  void on_reloading();
  /// That has ended; what is served now, as for the constructor.
  void on_reloaded(std::string served, unsigned workers);
  /// That has ended, and what was served goes on.
  void on_reload_refused();
  /// The end has begun: it has its own deadline there, and no worker is ready any more, so from now
  /// on the watchdog is content with a master that lives.
  void on_stopping();
  /// To be called in each turn of the master's loop: tells how many workers are ready whenever that
  /// has changed, and that all is well when half of the watchdog's time has passed and at least one
  /// is. Gives the time by which it wants the next turn; none: nothing has to be told.
  std::optional<Clock::time_point> on_turn(Clock::time_point now, unsigned ready_workers);

  /// In a forked child: takes the variables out of the environment, so that nothing there (an
  /// application with a watchdog of its own, a program that it runs) speaks for this service.
  static void close_after_fork() noexcept;

 private:
  std::string served_;
  unsigned workers_;
  const std::optional<std::chrono::microseconds> feed_interval_;  ///< none: no watchdog
  std::optional<unsigned> ready_workers_;                         ///< as told last
  Clock::time_point next_feed_{};
  bool stopping_ = false;
  bool failed_ = false;
};

}  // namespace appd::supervisor
