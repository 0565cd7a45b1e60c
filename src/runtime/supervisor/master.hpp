// The process that starts, replaces and stops workers.
#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/supervisor/crash_limit.hpp"
#include "runtime/supervisor/file_watcher.hpp"
#include "runtime/supervisor/generation.hpp"
#include "runtime/supervisor/master_signals.hpp"
#include "runtime/supervisor/service.hpp"
#include "runtime/support/exit_code.hpp"

namespace appd::supervisor {

/// What a master hears besides signals. Borrowed; null: nothing.
struct EventSources {
  ControlSocket* control = nullptr;
  FileWatcher* file_watcher = nullptr;  ///< a touch is a reload
};

/// Keeps a generation of workers alive, lets the next one take its place, and stops all.
/// Single-threaded; the process must have no other thread while it exists, since it forks without
/// exec. After an upgrade it begins with that one's workers, and a
/// reload.
///
/// First start: when one worker cannot start, all are stopped. SIGHUP: reload; when the new
/// generation cannot start, it is discarded and the present one goes on. A reload during a reload
/// begins when that has ended. SIGUSR2: become the program that has been installed meanwhile.
/// SIGUSR1: go on in log files opened anew. SIGTERM, SIGINT: drain, kill what is left after the
/// graceful timeout; the second of them, or SIGQUIT: kill at once. Others are ignored, with a line.
class Master final : private ForkHandler {
 public:
  /// Borrows all but the first generation's deployment and the state of an upgrade. With the latter
  /// the first generation's workers are there already, and a reload is to replace them. Throws
  /// std::system_error.
  Master(gateway::Reporter& reporter, MasterSignals& signals, Service& service,
         std::unique_ptr<Deployment> first, EventSources sources = {},
         std::optional<UpgradeState> upgrade_state = std::nullopt);
  /// Leaves no worker behind: after `run` has thrown, those that live are killed.
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  /// Returns when no worker is left: exit_code::kOk after an ordered stop (even when workers had to
  /// be killed: the log says so), exit_code::kStart after a failed first start, exit_code::kCrashes
  /// after more deaths than are borne. Throws what the service throws (but for `deploy_next`), and
  /// std::system_error. Call once.
  int run();

 private:
  enum class Phase { starting, serving, stopping };
  using Callers = std::vector<ControlSocket::Caller>;
  struct Reload {
    Clock::time_point began;
    Callers callers;
    unsigned wanted = 0;    ///< workers of the next generation
    unsigned replaced = 0;  ///< workers of the present generation
    /// After the take-over: the former generation, which may still take connections until it has
    /// heard of it, and until when that is waited for.
    const Generation* former = nullptr;
    Clock::time_point patience{};
  };

  void begin();
  void inherit();
  Generation& add_generation(std::unique_ptr<Deployment> deployment);
  void advance();
  void advance_start();
  void advance_reload();
  void take_over();
  void await_former();
  void discard();
  void end_reload(bool taken_over, const std::string& what, const std::string& told);
  void end_reload(bool taken_over, const std::string& what) { end_reload(taken_over, what, what); }
  void begin_reload();
  void try_upgrade();
  void replace_inherited();
  void remove_finished();

  unsigned count_serving() const noexcept;
  void wait_for_events();
  bool obey_signals();
  void bear_failure(const char* call);
  int poll_timeout() const noexcept;
  void on_signal(const support::ReceivedSignal& signal);
  void on_request(ControlSocket::Request request);
  void reopen_logs();
  void queue_caller(Callers& callers, ControlSocket::Caller caller);
  std::string describe() const;
  void reap();
  void on_crash();
  void enter_child(const Deployment& own) override;

  void abandon_start();
  void stop(std::string_view reason);
  void stop_all();
  void stop_at_once();
  void enter_stopping();

  // Set once.
  gateway::Reporter& reporter_;
  Service& service_;
  const EventSources sources_;
  const std::optional<UpgradeState> upgrade_state_;
  MasterSignals& signals_;

  Phase phase_ = Phase::starting;
  bool log_is_behind_ = false;
  std::optional<Clock::time_point> turn_due_;  ///< as the service wants it
  int exit_code_ = support::exit_code::kOk;
  CrashLimit crash_limit_{std::nullopt};  ///< as the present generation bears it
  unsigned last_number_ = 0;
  /// Oldest first: retired ones, the present one, and during a reload the next one.
  std::vector<std::unique_ptr<Generation>> generations_;
  Generation* present_ = nullptr;  ///< none once it has ended
  Generation* next_ = nullptr;
  std::optional<Reload> reload_;  ///< while there is a next one
  bool reload_wanted_ = false;
  Callers reload_callers_;  ///< who wait for the one that is wanted
  bool upgrade_wanted_ = false;
  Callers upgrade_callers_;
  std::optional<Clock::time_point> retry_due_;  ///< of a reload, since inherited workers are gone
  std::vector<pollfd> polled_;  ///< signals, control, touched file, then the generations' in order
};

}  // namespace appd::supervisor
