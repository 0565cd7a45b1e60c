// The program as a service: start, reload, upgrade and end.
#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/listeners.hpp"
#include "runtime/config/settings.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/logging/log.hpp"
#include "runtime/logging/log_file.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/sockets/address.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/supervisor/file_watcher.hpp"
#include "runtime/supervisor/generation.hpp"
#include "runtime/supervisor/master_signals.hpp"
#include "runtime/supervisor/pid_file.hpp"
#include "runtime/supervisor/post_mortem.hpp"
#include "runtime/supervisor/service_manager.hpp"
#include "runtime/supervisor/upgrade_state.hpp"
#include "runtime/supervisor/upgrader.hpp"
#include "runtime/support/account.hpp"

namespace appd {

// What only the layer that uses a value can judge; each throws config::ConfigError that names the
// option.

std::vector<sockets::Address> parse_addresses(const config::Settings& settings);
sockets::Admission make_admission(const config::Settings& settings);
/// None: the access log is off.
std::unique_ptr<logging::AccessLog> open_access_log(const config::Settings& settings,
                                                    const std::optional<support::Account>& account);
/// Whom the workers act for; none: who starts appd.
std::optional<support::Account> find_account(const config::Settings& settings);
gateway::Level threshold(const config::Settings& settings);
void set_umask(const config::Settings& settings);

/// A running server: makes generations of workers out of configurations, and tells the world how
/// they fare.
class Daemon {
 public:
  /// `reread` gives the configuration as it is now; what it throws refuses a reload.
  /// `upgrader`: what this process becomes by an upgrade. `upgrade_state`: what it was before one.
  Daemon(config::Settings settings, std::function<config::Settings()> reread,
         supervisor::Upgrader upgrader, std::optional<supervisor::UpgradeState> upgrade_state);

  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Serves until it is told to stop; gives the exit code. Throws config::ConfigError before
  /// anything is served.
  int run();

 private:
  struct Deployment;

  void begin();
  void inherit();
  supervisor::GenerationPlan inherited_plan(const supervisor::UpgradeState& upgrade_state);
  void recover(int inbox, std::atomic<int>* incoming);
  std::string upgrade(supervisor::UpgradeState upgrade_state);
  void limit_rights();
  void reopen_logs();

  std::shared_ptr<Deployment> deploy(const config::Settings& settings);
  std::shared_ptr<Deployment> make_deployment(const config::Settings& settings);
  supervisor::GenerationPlan next_plan();
  supervisor::GenerationPlan plan_of(const std::shared_ptr<Deployment>& deployment);
  gateway::LogStreams logs_of(const Deployment& deployment) const noexcept;
  void leave_master(Deployment& deployment, std::string role, unsigned place,
                    support::Dumpable dumpable);
  void on_reloaded(bool taken_over);
  void warn_of(const config::Settings& settings);
  void warn_of_fixed(const config::Settings& next);

  /// Before all that its end has to undo.
  supervisor::MasterSignals signals_;
  const std::function<config::Settings()> reread_;
  const supervisor::Upgrader upgrader_;
  std::optional<supervisor::UpgradeState> upgrade_state_;
  config::Settings settings_;  ///< of the start
  /// Before the pid file, so that its end is the last thing that callers see of this process.
  std::unique_ptr<supervisor::ControlSocket> control_;
  std::unique_ptr<supervisor::FileWatcher> file_watcher_;
  std::unique_ptr<supervisor::PidFile> pid_file_;
  logging::Log log_;
  std::set<std::string> warned_;  ///< what `warn_of` has said: a reload says it not again
  const logging::StandardFile out_{STDOUT_FILENO};
  const logging::StandardFile err_{STDERR_FILENO};
  Listeners listeners_;
  std::optional<peers::HandoverQueue> handover_queue_;  ///< of all generations
  std::vector<support::UniqueFd> inherited_inboxes_;    ///< by place in the inherited generation
  std::vector<std::weak_ptr<Deployment>> deployments_;  ///< all, also of retired generations
  supervisor::PostMortem post_mortem_;
  std::shared_ptr<Deployment> present_;
  std::shared_ptr<Deployment> next_;  ///< from its plan until it serves, or does not
  std::optional<supervisor::ServiceManager> manager_;
};

}  // namespace appd
