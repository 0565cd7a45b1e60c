// Tells the service manager how this service is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace appd::supervisor {

/// Tells the service manager that started this process how the service is (sd_notify, by
/// NOTIFY_SOCKET and WATCHDOG_USEC in the environment). Without one nothing happens.
class ServiceManager {
 public:
  /// The manager's watchdog counts time in which this process did not run, too.
  using Clock = std::chrono::steady_clock;

  /// `served` is how each status begins: the application and where it is reached.
  ServiceManager(std::string served, unsigned workers);

  /// The first start has succeeded.
  void on_ready();
  /// The first start has failed. The last status says so, and why.
  void on_start_failed(std::string_view why);
  /// The same before there is anything to serve.
  static void tell_failure(std::string_view why);
  /// A reload begins. The manager waits for its end.
  void on_reloading();
  /// It has ended. The arguments are those of the constructor, for what is served now.
  void on_reloaded(std::string served, unsigned workers);
  /// It has ended, and what was served before goes on.
  void on_reload_refused();
  /// The end has begun. The manager has its own deadline for that, and no worker is ready any more.
  /// So from now on a master that lives is enough for the watchdog.
  void on_stopping();
  /// To be called in each turn of the master's loop. Tells how many workers are ready whenever that
  /// changes. Feeds the watchdog when half of its time has passed, if at least one worker is ready.
  /// Returns the time by which it needs the next turn; std::nullopt if it needs none.
  std::optional<Clock::time_point> on_turn(Clock::time_point now, unsigned ready_workers);

  /// In a process that is not the service's main one: removes the variables from the environment.
  /// So neither the application nor a program that it runs speaks for this service.
  static void drop_variables() noexcept;

 private:
  std::string served_;
  unsigned workers_;
  const std::optional<std::chrono::microseconds>
      feed_interval_;                      ///< std::nullopt without a watchdog
  std::optional<unsigned> ready_workers_;  ///< as it was told last
  Clock::time_point next_feed_{};
  bool stopping_ = false;
  bool failed_ = false;
};

}  // namespace appd::supervisor
