// Builds the graph of objects of a running appd: pid file, sockets, logs, deployments, master.

#include "daemon/daemon.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>
#include <utility>

#include "daemon/configured_deployment.hpp"
#include "daemon/inherited_deployment.hpp"
#include "daemon/setting_values.hpp"
#include "daemon/start_checks.hpp"
#include "runtime/config/config_error.hpp"
#include "runtime/config/value_formats.hpp"
#include "runtime/supervisor/master.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/privileges.hpp"
#include "runtime/support/release_pages.hpp"
#include "runtime/support/version.hpp"

namespace appd {

using config::Settings;
using gateway::LogEvent;
using supervisor::UpgradeState;

namespace {

/// To be called first: from then on other processes on the same file are refused.
std::unique_ptr<supervisor::PidFile> lock_pid_file(const Settings& settings,
                                                   const support::Account* account) {
  try {
    if (settings.pidfile.empty()) return nullptr;
    return std::make_unique<supervisor::PidFile>(settings.pidfile, account);
  } catch (const std::runtime_error& error) {
    reject("pidfile", error.what());
  }
}

std::unique_ptr<supervisor::ControlSocket> open_control(const Settings& settings,
                                                        const support::Account* account) {
  try {
    if (settings.control.empty()) return nullptr;
    return std::make_unique<supervisor::ControlSocket>(settings.control, account);
  } catch (const std::runtime_error& error) {
    reject("control", error.what());
  }
}

std::unique_ptr<supervisor::FileWatcher> watch_touched(const Settings& settings) {
  try {
    if (settings.touch_reload.empty()) return nullptr;
    return std::make_unique<supervisor::FileWatcher>(settings.touch_reload);
  } catch (const std::system_error& error) {
    reject("touch-reload", error.what());
  }
}

/// To be called when all is open that only the start opens. If workers are root, too, the rights
/// stay as they are.
void limit_rights(const std::optional<support::Account>& account, bool no_new_privs) {
  if (account && account->user != 0) support::keep_masters_capabilities(no_new_privs);
}

/// A listening socket could not be opened.
struct SocketError : std::runtime_error {
  SocketError(const std::string& what, LogEvent as) : std::runtime_error(what), event(as) {}

  const LogEvent event;
};

}  // namespace

Daemon::Daemon(Settings settings, std::function<Settings()> reread, supervisor::Upgrader upgrader,
               std::optional<UpgradeState> upgrade_state)
    : reread_(std::move(reread)),
      upgrader_(std::move(upgrader)),
      upgrade_state_(std::move(upgrade_state)),
      settings_(std::move(settings)),
      logs_(threshold(settings_)),
      warnings_(settings_, logs_.log()) {}

Daemon::~Daemon() {
  // Closing them here might wait for what is in them. The end of the process does not wait.
  if (!handover_queue_) return;
  handover_queue_->in.release();
  handover_queue_->out.release();
}

int Daemon::run() {
  check(settings_);  // before the first lasting effect
  warnings_.warn_of(settings_);
  DeploymentPtr first;
  try {
    first = prepare();
  } catch (const SocketError& error) {
    return fail(error.event, error, support::exit_code::kSocket);
  } catch (const config::ConfigError& error) {
    return fail(LogEvent::server_start_failed, error, config::ConfigError::exit_code());
  } catch (const std::exception& error) {
    return fail(LogEvent::server_start_failed, error, support::exit_code::kFailure);
  }
  set_title("master", settings_);
  service_manager_.emplace(first->describe(), first->plan().workers);
  return supervisor::Master(logs_.log(),
                            {signals_, control_.get(), file_watcher_.get(),
                             development_ ? &development_->watcher() : nullptr},
                            *this, std::move(first), std::move(upgrade_state_))
      .run();
}

/// All that a start opens. From then on the master has the rights that it keeps.
Daemon::DeploymentPtr Daemon::prepare() {
  set_umask(settings_);
  const std::optional<support::Account> account = find_account(settings_);
  logs_.follow(threshold(settings_), account);
  if (settings_.development) {
    development_ = std::make_unique<Development>(settings_, parse_addresses(settings_));
  }
  DeploymentPtr first = upgrade_state_ ? inherit(account) : begin(account);
  file_watcher_ = watch_touched(settings_);
  limit_rights(account, settings_.no_new_privs);
  return first;
}

/// There is a log already: what ends the start is an event of it.
int Daemon::fail(LogEvent event, const std::exception& error, int exit_code) {
  logs_.log().report(event, error.what());
  supervisor::ServiceManager::tell_failure(error.what());
  return exit_code;
}

Daemon::DeploymentPtr Daemon::begin(const std::optional<support::Account>& account) {
  pid_file_ = lock_pid_file(settings_, pointer_to(account));
  control_ = open_control(settings_, pointer_to(account));
  handover_queue_.emplace();
  return deploy(settings_);
}

/// Takes what another program in this process has left.
Daemon::DeploymentPtr Daemon::inherit(const std::optional<support::Account>& account) {
  if (upgrade_state_->pid_file >= 0) {
    pid_file_ = std::make_unique<supervisor::PidFile>(
        settings_.pidfile, support::UniqueFd(upgrade_state_->pid_file), pointer_to(account));
  }
  if (upgrade_state_->control >= 0) {
    control_ = std::make_unique<supervisor::ControlSocket>(
        settings_.control, support::UniqueFd(upgrade_state_->control), pointer_to(account));
  }
  handover_queue_.emplace(support::UniqueFd(upgrade_state_->handover_in),
                          support::UniqueFd(upgrade_state_->handover_out));
  auto deployment =
      std::make_unique<InheritedDeployment>(settings_, context(), *upgrade_state_, listeners_);
  logs_.log().report(
      LogEvent::upgrade_taken_over,
      fmt::format("this is appd {} now; generation {} goes on until the next one is ready",
                  APPD_VERSION, upgrade_state_->generation));
  return deployment;
}

Daemon::DeploymentPtr Daemon::deploy(const Settings& settings) {
  const std::vector<ListenAddress> addresses = parse_addresses(settings);
  auto deployment = std::make_unique<ConfiguredDeployment>(settings, context());
  try {
    deployment->listen(listeners_, addresses);
  } catch (const std::system_error& error) {
    const bool in_use = error.code() == std::errc::address_in_use;
    if (!in_use) throw SocketError(error.what(), LogEvent::socket_failed);
    throw SocketError(error.what() + advice_if_taken(settings), LogEvent::socket_in_use);
  } catch (const std::exception& error) {
    throw SocketError(error.what(), LogEvent::socket_failed);
  }
  return deployment;
}

DeploymentContext Daemon::context() noexcept {
  return {logs_, *handover_queue_, post_mortem_, development_.get()};
}

Daemon::DeploymentPtr Daemon::deploy_next() {
  const Settings settings = reread_();
  check(settings);
  DeploymentPtr deployment = deploy(settings);
  warnings_.warn_of(settings);
  warnings_.warn_of_fixed(settings);
  return deployment;
}

void Daemon::on_ready(const supervisor::Deployment& present, const std::string& program) {
  support::release_unchanged_file_pages();
  const supervisor::GenerationPlan& plan = present.plan();
  logs_.log().report(
      LogEvent::server_ready,
      fmt::format("appd {} is ready: {} (workers: {}{}, threads in each: {}; {})", APPD_VERSION,
                  present.describe(), config::Workers::show({plan.workers, plan.most_workers}),
                  plan.origin == supervisor::Origin::zygote ? ", preloaded" : "", plan.threads,
                  program));
  if (development_) development_->on_ready(settings_.module);
  service_manager_->on_ready();
}

void Daemon::on_start_failed(const std::string& why) {
  service_manager_->on_start_failed(why);
}

void Daemon::on_reloading() {
  if (development_) development_->on_reloading(logs_.log());
  service_manager_->on_reloading();
}

void Daemon::on_reloaded(const supervisor::Deployment& present) {
  support::release_unchanged_file_pages();
  if (development_) development_->on_reloaded();
  service_manager_->on_reloaded(present.describe(), present.plan().workers);
}

void Daemon::on_reload_refused() {
  service_manager_->on_reload_refused();
}

void Daemon::on_stopping() {
  service_manager_->on_stopping();
}

std::optional<std::chrono::nanoseconds> Daemon::on_turn(unsigned ready) {
  const auto now = supervisor::ServiceManager::Clock::now();
  const auto next = service_manager_->on_turn(now, ready);
  return next ? std::optional(*next - now) : std::nullopt;
}

std::string Daemon::upgrade(UpgradeState upgrade_state) {
  listeners_.export_to(upgrade_state);
  upgrade_state.handover_in = handover_queue_->in.get();
  upgrade_state.handover_out = handover_queue_->out.get();
  if (pid_file_) upgrade_state.pid_file = pid_file_->fd();
  if (control_) upgrade_state.control = control_->listener();
  return upgrader_.become(upgrade_state);
}

void Daemon::reopen_logs() {
  logs_.reopen();
}

std::string Daemon::describe() const {
  return fmt::format("appd {} (pid {})", APPD_VERSION, ::getpid());
}

}  // namespace appd
