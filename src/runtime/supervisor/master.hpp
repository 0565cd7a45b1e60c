// The process that starts, replaces and stops workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/supervisor/callers.hpp"
#include "runtime/supervisor/change_watcher.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/supervisor/crash_limit.hpp"
#include "runtime/supervisor/file_watcher.hpp"
#include "runtime/supervisor/generation.hpp"
#include "runtime/supervisor/master_signals.hpp"
#include "runtime/supervisor/reload.hpp"
#include "runtime/supervisor/service.hpp"
#include "runtime/support/exit_code.hpp"

namespace appd::supervisor {

/// What a master hears. All are borrowed.
struct EventSources {
  MasterSignals& signals;
  ControlSocket* control = nullptr;     ///< null if nobody can ask
  FileWatcher* file_watcher = nullptr;  ///< a touch is a reload; null if no file is watched
  /// A change is a reload; null if this is no server for one developer. Then workers keep the
  /// terminal, too.
  ChangeWatcher* change_watcher = nullptr;
};

/// Keeps a generation of workers alive, lets the next one take its place, and stops all.
/// Single-threaded; the process must have no other thread while it exists, since a forked child
/// runs code of its own before it executes a program. After an upgrade it begins with the workers
/// of the program from before, and a reload.
///
/// - First start: if one worker cannot start, all are stopped.
/// - SIGHUP reloads. If the next generation cannot start, it is discarded, and the present one goes
///   on. A reload that is wanted during a reload begins when that has ended.
/// - SIGUSR2 upgrades: the process becomes the newly installed program.
/// - SIGUSR1 reopens the log files.
/// - SIGTERM and SIGINT drain, and kill what is left after the graceful timeout. A second one, or
///   SIGQUIT, kills at once.
/// - Other signals are ignored, with a line.
class Master final : private ForkHandler {
 public:
  /// Borrows reporter and service. `first` is what the first generation is made of. With
  /// `upgrade_state`, the workers of that generation are there already, and a reload is to replace
  /// them. Throws std::system_error.
  Master(gateway::Reporter& reporter, EventSources sources, Service& service,
         std::unique_ptr<Deployment> first,
         std::optional<UpgradeState> upgrade_state = std::nullopt);
  /// Kills workers that still live: after `run` has thrown there may be some.
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  /// Returns when no worker is left: exit_code::kOk after an orderly stop, even if workers had to
  /// be killed (the log says so); exit_code::kStart after a failed first start; exit_code::kCrashes
  /// after too many deaths. Throws std::system_error, and what the service throws except in
  /// `deploy_next`. Call it once.
  int run();

 private:
  enum class Phase { starting, serving, stopping };

  void begin();
  void inherit();
  Generation& add_generation(std::unique_ptr<Deployment> deployment);
  void advance();
  void advance_start();
  void advance_reload();
  void begin_reload();
  void follow(Generation& present);
  void end_reload(Reload::Progress how);
  void try_upgrade();
  void replace_inherited();
  void remove_finished();

  unsigned count_serving() const noexcept;
  void plan_turn();
  void wait_for_events();
  bool obey_signals();
  void bear_failure(const char* call);
  int poll_timeout() const noexcept;
  void on_signal(const support::ReceivedSignal& signal);
  void on_request(ControlSocket::Request request);
  void reopen_logs();
  void want(PendingAction& action, ControlSocket::Caller caller);
  std::string describe() const;
  const char* describe_role(const Generation& generation) const noexcept;
  void reap();
  void on_crash();
  void enter_child() override;

  void abandon_start();
  void stop(std::string_view reason);
  void stop_all();
  void stop_at_once();
  void enter_stopping();

  // Set once.
  gateway::Reporter& reporter_;
  const EventSources sources_;
  Service& service_;
  const std::optional<UpgradeState> upgrade_state_;

  Phase phase_ = Phase::starting;
  std::optional<Clock::time_point> turn_due_;  ///< for the service, or for a log that is behind
  int exit_code_ = support::exit_code::kOk;
  CrashLimit crash_limit_{std::nullopt};  ///< of the present generation
  unsigned last_number_ = 0;              ///< of a generation
  /// Oldest first: retired ones, the present one, and during a reload the next one.
  std::vector<std::unique_ptr<Generation>> generations_;
  Generation* present_ = nullptr;  ///< null once it has ended
  std::optional<Reload> reload_;   ///< the one that is under way
  PendingAction pending_reload_;
  PendingAction pending_upgrade_;
  std::optional<Clock::time_point>
      retry_due_;  ///< of a reload that replaces dead inherited workers
};

}  // namespace appd::supervisor
