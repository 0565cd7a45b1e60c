// The program as a service: start, reload, upgrade and end.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/config_warnings.hpp"
#include "daemon/deployment_context.hpp"
#include "daemon/development.hpp"
#include "daemon/listeners.hpp"
#include "daemon/master_logs.hpp"
#include "runtime/config/settings.hpp"
#include "runtime/gateway/log_event.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/supervisor/file_watcher.hpp"
#include "runtime/supervisor/master_signals.hpp"
#include "runtime/supervisor/pid_file.hpp"
#include "runtime/supervisor/post_mortem.hpp"
#include "runtime/supervisor/service.hpp"
#include "runtime/supervisor/service_manager.hpp"
#include "runtime/supervisor/upgrade_state.hpp"
#include "runtime/supervisor/upgrader.hpp"
#include "runtime/support/account.hpp"

namespace appd {

/// A running server: makes deployments from configurations, gives them to the master, and tells the
/// world how they fare. It has what lives as long as the process.
class Daemon final : private supervisor::Service {
 public:
  /// `reread` gives the configuration as it is now; what it throws refuses a reload. `upgrader` is
  /// what this process becomes by an upgrade. `upgrade_state` is what another program has left in
  /// this process, or std::nullopt after a plain start.
  Daemon(config::Settings settings, std::function<config::Settings()> reread,
         supervisor::Upgrader upgrader, std::optional<supervisor::UpgradeState> upgrade_state);

  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Serves until it is told to stop; returns the exit code. Throws config::ConfigError before
  /// anything is served.
  int run();

 private:
  using DeploymentPtr = std::unique_ptr<supervisor::Deployment>;

  DeploymentPtr prepare();
  int fail(gateway::LogEvent event, const std::exception& error, int exit_code);
  DeploymentPtr begin(const std::optional<support::Account>& account);
  DeploymentPtr inherit(const std::optional<support::Account>& account);
  DeploymentPtr deploy(const config::Settings& settings);
  DeploymentContext context() noexcept;

  DeploymentPtr deploy_next() override;
  void on_ready(const supervisor::Deployment& present, const std::string& program) override;
  void on_start_failed(const std::string& why) override;
  void on_reloading() override;
  void on_reloaded(const supervisor::Deployment& present) override;
  void on_reload_refused() override;
  void on_stopping() override;
  std::optional<std::chrono::nanoseconds> on_turn(unsigned ready) override;
  std::string upgrade(supervisor::UpgradeState upgrade_state) override;
  void reopen_logs() override;
  std::string describe() const override;

  /// Before all that its end has to undo.
  supervisor::MasterSignals signals_;
  const std::function<config::Settings()> reread_;
  const supervisor::Upgrader upgrader_;
  std::optional<supervisor::UpgradeState> upgrade_state_;
  const config::Settings settings_;  ///< of the start
  /// Before the pid file, so that its end is the last thing that callers see of this process.
  std::unique_ptr<supervisor::ControlSocket> control_;
  std::unique_ptr<supervisor::FileWatcher> file_watcher_;
  std::unique_ptr<supervisor::PidFile> pid_file_;
  std::unique_ptr<Development> development_;  ///< null if this is no `appd dev`
  MasterLogs logs_;
  ConfigWarnings warnings_;
  Listeners listeners_;
  std::optional<peers::HandoverQueue> handover_queue_;  ///< of all generations
  supervisor::PostMortem post_mortem_;
  std::optional<supervisor::ServiceManager> service_manager_;
};

}  // namespace appd
