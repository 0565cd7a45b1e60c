// Builds the graph of objects of a running appd: pid file, sockets, logs, generations, master.

#include "daemon/daemon.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "daemon/start_checks.hpp"
#include "runtime/config/config_error.hpp"
#include "runtime/config/settings_builder.hpp"
#include "runtime/config/value_formats.hpp"
#include "runtime/ipc/crash_files.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/supervisor/master.hpp"
#include "runtime/supervisor/plan_settings.hpp"
#include "runtime/support/aside.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/privileges.hpp"
#include "runtime/support/process_title.hpp"
#include "runtime/support/release_pages.hpp"
#include "runtime/worker/worker.hpp"
#include "runtime/worker/zygote.hpp"

namespace appd {

using config::Settings;
using gateway::Level;
using gateway::LogEvent;

namespace {

[[noreturn]] void reject(const char* option, const std::exception& error) {
  throw config::ConfigError(fmt::format("--{}: {}", option, error.what()));
}

const support::Account* pointer_to(const std::optional<support::Account>& account) noexcept {
  return account ? &*account : nullptr;
}

/// Called first: from then on other processes of the same file are refused.
std::unique_ptr<supervisor::PidFile> lock_pid_file(const Settings& settings,
                                                   const support::Account* account) {
  try {
    if (settings.pidfile.empty()) return nullptr;
    return std::make_unique<supervisor::PidFile>(settings.pidfile, account);
  } catch (const std::runtime_error& error) {
    reject("pidfile", error);
  }
}

std::unique_ptr<supervisor::ControlSocket> open_control(const Settings& settings,
                                                        const support::Account* account) {
  try {
    if (settings.control.empty()) return nullptr;
    return std::make_unique<supervisor::ControlSocket>(settings.control, account);
  } catch (const std::runtime_error& error) {
    reject("control", error);
  }
}

std::unique_ptr<supervisor::FileWatcher> watch_touched(const Settings& settings) {
  try {
    if (settings.touch_reload.empty()) return nullptr;
    return std::make_unique<supervisor::FileWatcher>(settings.touch_reload);
  } catch (const std::system_error& error) {
    reject("touch-reload", error);
  }
}

/// Files are the workers' own, as they would be had appd been started by that user.
sockets::SocketFileOptions socket_file_options(const Settings& settings,
                                               const std::optional<support::Account>& account) {
  sockets::SocketFileOptions options{settings.socket_mode, settings.socket_owner,
                                     settings.socket_group, pointer_to(account)};
  if (account && options.owner.empty()) options.owner = std::to_string(account->user);
  if (account && options.group.empty()) options.group = std::to_string(account->group);
  return options;
}

/// A socket that cannot be had.
struct SocketError : std::runtime_error {
  SocketError(const std::string& what, LogEvent as) : std::runtime_error(what), event(as) {}

  const LogEvent event;
};

std::string worker_role(unsigned index) {
  return fmt::format("worker {}", index + 1);
}

/// What ps shows.
void set_title(std::string_view role, const Settings& settings) {
  support::set_process_title(fmt::format("appd: {} {}", role, settings.module));
}

}  // namespace

std::vector<sockets::Address> parse_addresses(const Settings& settings) {
  std::vector<sockets::Address> addresses;
  try {
    for (const std::string& socket : settings.sockets) {
      addresses.push_back(sockets::parse_address(socket));
    }
  } catch (const std::invalid_argument& error) {
    reject("socket", error);
  }
  return addresses;
}

std::unique_ptr<logging::AccessLog> open_access_log(
    const Settings& settings, const std::optional<support::Account>& account) {
  try {
    if (!settings.access_log_format.empty())
      logging::AccessFormat check(settings.access_log_format);
    if (settings.access_log.empty()) return nullptr;
    return std::make_unique<logging::AccessLog>(settings.access_log, settings.access_log_format,
                                                pointer_to(account));
  } catch (const std::invalid_argument& error) {
    reject("access-log-format", error);
  } catch (const std::runtime_error& error) {
    reject("access-log", error);
  }
}

sockets::Admission make_admission(const Settings& settings) {
  sockets::Admission admission;
  admission.networks = settings.allow;
  if (settings.allow_from_environment) admission.networks_by = config::kWebServers;
  try {
    for (const std::string& user : settings.allow_users) {
      admission.users.push_back(support::find_user(user));
    }
  } catch (const std::invalid_argument& error) {
    reject("allow-user", error);
  }
  return admission;
}

std::optional<support::Account> find_account(const Settings& settings) {
  if (settings.user.empty()) return std::nullopt;
  try {
    if (!settings.group.empty()) support::find_group(settings.group);
  } catch (const std::invalid_argument& error) {
    reject("group", error);
  }
  try {
    return support::account_to_become(settings.user, settings.group);
  } catch (const std::invalid_argument& error) {
    reject("user", error);
  }
}

Level threshold(const Settings& settings) {
  return logging::parse_level(settings.log_level).value_or(Level::info);
}

void set_umask(const Settings& settings) {
  if (settings.umask) ::umask(*settings.umask);
}

/// All that one generation's workers are made of; shared by the master, who keeps it as long as the
/// generation lives, and by them, who get it by their fork.
struct Daemon::Deployment {
  Deployment(Settings with, std::optional<support::Account> as)
      : settings(std::move(with)),
        account(std::move(as)),
        admission(make_admission(settings)),
        access(open_access_log(settings, account)),
        log(threshold(settings), "master", access.get()),
        scoreboard(
            std::make_shared<ipc::Scoreboard>(supervisor::places(settings), settings.threads)),
        inboxes(supervisor::places(settings)),
        crash_files(supervisor::places(settings) + 1) {}

  /// In the master: workers die with less ado.
  ~Deployment() {
    if (auto boxes = inboxes.release(); !boxes.empty()) support::close_aside(std::move(boxes));
  }
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  int run_worker(unsigned index, const peers::HandoverQueue& handover_queue, ipc::WorkerLink link,
                 worker::Preloaded preloaded) {
    crash_files.close_others_after_fork();
    return worker::run_worker(
        {settings, admission, sockets, scoreboard->worker(index), index, scoreboard->loads(),
         inboxes, handover_queue, crash_files.descriptor(), log},
        std::move(link), std::move(preloaded));
  }

  /// In a process of another generation: closes all that it has.
  void close_after_fork() noexcept {
    sockets.clear();
    inboxes.close();
    access.reset();
    crash_files.close_after_fork();
  }

  /// −1: it is alone, and has none.
  int inbox(unsigned index) const noexcept {
    const auto boxes = inboxes.boxes();
    return boxes.empty() ? -1 : boxes[index].out.get();
  }

  /// Of the crash files: behind those of the workers.
  unsigned zygotes_place() const { return supervisor::places(settings); }

  /// What is served where: "app:application on /run/app.sock, 127.0.0.1:8000".
  std::string describe() const {
    std::string names;
    for (const auto& socket : sockets) names += (names.empty() ? "" : ", ") + socket->name();
    return fmt::format("{} on {}", settings.module, names);
  }

  const Settings settings;
  const std::optional<support::Account> account;
  const sockets::Admission admission;
  std::unique_ptr<logging::AccessLog> access;
  logging::Log log;
  const std::shared_ptr<ipc::Scoreboard> scoreboard;
  peers::Inboxes inboxes;
  ipc::CrashFiles crash_files;
  Listeners::Sockets sockets;
};

Daemon::Daemon(Settings settings, std::function<Settings()> reread, supervisor::Upgrader upgrader,
               std::optional<supervisor::UpgradeState> upgrade_state)
    : reread_(std::move(reread)),
      upgrader_(std::move(upgrader)),
      upgrade_state_(std::move(upgrade_state)),
      settings_(std::move(settings)),
      log_(threshold(settings_), "master") {}

void Daemon::begin() {
  const std::optional<support::Account> account = find_account(settings_);
  pid_file_ = lock_pid_file(settings_, pointer_to(account));
  control_ = open_control(settings_, pointer_to(account));
  handover_queue_.emplace();
  next_ = deploy(settings_);
}

/// What another program in this process has left. Its generation is served by workers that are
/// there, so it needs no more than its sockets.
void Daemon::inherit() {
  const std::optional<support::Account> account = find_account(settings_);
  if (upgrade_state_->pid_file >= 0) {
    pid_file_ = std::make_unique<supervisor::PidFile>(
        settings_.pidfile, support::UniqueFd(upgrade_state_->pid_file), pointer_to(account));
  }
  if (upgrade_state_->control >= 0) {
    control_ = std::make_unique<supervisor::ControlSocket>(
        settings_.control, support::UniqueFd(upgrade_state_->control), pointer_to(account));
  }
  handover_queue_.emplace(support::UniqueFd(upgrade_state_->box_in),
                          support::UniqueFd(upgrade_state_->box_out));
  present_ = make_deployment(settings_);
  present_->sockets = listeners_.inherit(*upgrade_state_, pointer_to(account));
  log_.report(LogEvent::upgrade_taken_over,
              fmt::format("this is appd {} now; generation {} goes on until the next one is ready",
                          APPD_VERSION, upgrade_state_->generation));
}

supervisor::GenerationPlan Daemon::inherited_plan(const supervisor::UpgradeState& upgrade_state) {
  supervisor::GenerationPlan plan = supervisor::make_inherited_plan(settings_);
  plan.workers = static_cast<unsigned>(upgrade_state.workers.size());
  plan.heartbeat = upgrade_state.heartbeat;
  plan.scoreboard = std::make_shared<ipc::Scoreboard>(std::max(plan.workers, 1u), 1);
  for (const auto& worker : upgrade_state.workers) {
    inherited_inboxes_.emplace_back(support::UniqueFd(worker.inbox));
  }
  plan.logs = [this] { return logs_of(*present_); };
  plan.inbox = [this](unsigned index) { return inherited_inboxes_[index].get(); };
  plan.recover = [this](unsigned index) {
    // It has no upgrader in its place, and its peers do not learn of its death.
    peers::close_inbox(inherited_inboxes_[index].get());
    recover(inherited_inboxes_[index].get(), nullptr);
    std::vector<support::UniqueFd> closed;
    closed.push_back(std::move(inherited_inboxes_[index]));
    support::close_aside(std::move(closed));
  };
  return plan;
}

/// Moves what lies in a dead worker's inbox, which took it from there counts it off. By a process
/// of its own: what is in there may be anything.
void Daemon::recover(int inbox, std::atomic<int>* incoming) {
  pollfd looked{inbox, POLLIN, 0};
  const bool any = ::poll(&looked, 1, 0) > 0;
  const bool moved = any && support::run_aside([&] {
                       const int connections = peers::recover(inbox, *handover_queue_);
                       if (incoming != nullptr) incoming->fetch_sub(connections);
                     });
  constexpr int kNone = -1;
  if (!moved)
    peers::recover(kNone, *handover_queue_);  // a receiver looks into the box all the same
}

Daemon::~Daemon() {
  // The end of the process closes them without waiting for what is in.
  for (const auto& each : deployments_) {
    const auto deployment = each.lock();
    if (!deployment) continue;
    for (support::UniqueFd& box : deployment->inboxes.release()) box.release();
  }
  for (support::UniqueFd& box : inherited_inboxes_) box.release();
  if (!handover_queue_) return;
  handover_queue_->in.release();
  handover_queue_->out.release();
}

std::string Daemon::upgrade(supervisor::UpgradeState upgrade_state) {
  listeners_.export_to(upgrade_state);
  upgrade_state.box_in = handover_queue_->in.get();
  upgrade_state.box_out = handover_queue_->out.get();
  if (pid_file_) upgrade_state.pid_file = pid_file_->fd();
  if (control_) upgrade_state.control = control_->listener();
  return upgrader_.become(upgrade_state);
}

int Daemon::run() {
  check(settings_);  // before the first lasting effect
  warn_of(settings_);
  set_umask(settings_);
  try {
    upgrade_state_ ? inherit() : begin();
  } catch (const SocketError& error) {
    log_.report(error.event, error.what());
    supervisor::ServiceManager::tell_failure(error.what());
    return support::exit_code::kSocket;
  }
  file_watcher_ = watch_touched(settings_);
  limit_rights();
  const Deployment& first = present_ ? *present_ : *next_;
  set_title("master", first.settings);
  manager_.emplace(first.describe(), settings_.workers.least);

  supervisor::MasterHooks hooks;
  hooks.plan = [this] { return next_plan(); };
  hooks.inherited_plan = [this](const supervisor::UpgradeState& upgrade_state) {
    return inherited_plan(upgrade_state);
  };
  hooks.on_ready = [this] {
    support::release_unchanged_file_pages();
    present_ = std::move(next_);
    log_.report(LogEvent::server_ready,
                fmt::format("appd {} is ready: {} (workers: {}{}, threads in each: {}, Python {})",
                            APPD_VERSION, present_->describe(),
                            config::Workers::show(present_->settings.workers),
                            present_->settings.preload == config::Preload::off ? "" : ", preloaded",
                            present_->settings.threads, worker::python_version()));
    manager_->on_ready();
  };
  hooks.on_start_failed = [this](const std::string& why) { manager_->on_start_failed(why); };
  hooks.on_stopping = [this] {
    for (const auto& deployment : {present_, next_}) {
      if (deployment) deployment->sockets.clear();
    }
    manager_->on_stopping();
  };
  hooks.on_turn = [this](unsigned ready) -> std::optional<std::chrono::nanoseconds> {
    const auto now = supervisor::ServiceManager::Clock::now();
    const auto next = manager_->on_turn(now, ready);
    return next ? std::optional(*next - now) : std::nullopt;
  };
  hooks.on_reloading = [this] { manager_->on_reloading(); };
  hooks.on_reloaded = [this](bool taken_over) { on_reloaded(taken_over); };
  hooks.upgrade = [this](supervisor::UpgradeState upgrade_state) {
    return upgrade(std::move(upgrade_state));
  };
  hooks.reopen_logs = [this] { reopen_logs(); };
  hooks.describe = [this] {
    const Deployment& served = present_ ? *present_ : *next_;
    return fmt::format("appd {} (pid {}): {}", APPD_VERSION, ::getpid(), served.describe());
  };
  return supervisor::Master(log_, signals_, std::move(hooks), {control_.get(), file_watcher_.get()},
                            std::move(upgrade_state_))
      .run();
}

/// Where that fails, the log goes on in the file that it has.
void Daemon::reopen_logs() {
  const auto attempt = [this](const std::string& what, const auto& reopen) {
    try {
      reopen();
    } catch (const std::runtime_error& error) {
      log_.report(LogEvent::log_not_reopened,
                  fmt::format("cannot reopen the {}, which goes on in the file that "
                              "it has: {}",
                              what, error.what()));
    }
  };
  const auto* const account = pointer_to((present_ ? present_ : next_)->account);
  attempt("log", [&] { err_.reopen(account); });
  attempt("standard output", [&] { out_.reopen(account); });
  for (const auto& each : deployments_) {
    const auto deployment = each.lock();
    if (!deployment || !deployment->access) continue;
    attempt("access log", [&] { deployment->access->reopen(); });
  }
}

/// Now that all is open that only the start opens. Whose workers are root too has nothing to lose.
void Daemon::limit_rights() {
  const std::optional<support::Account> account = find_account(settings_);
  if (account && account->user != 0) support::keep_masters_capabilities(settings_.no_new_privs);
}

std::shared_ptr<Daemon::Deployment> Daemon::deploy(const Settings& settings) {
  const std::vector<sockets::Address> addresses = parse_addresses(settings);
  auto deployment = make_deployment(settings);
  try {
    deployment->sockets = listeners_.open(
        addresses, socket_file_options(settings, deployment->account), deployment->admission, log_);
  } catch (const std::system_error& error) {
    const bool in_use = error.code() == std::errc::address_in_use;
    throw SocketError(error.what(), in_use ? LogEvent::socket_in_use : LogEvent::socket_failed);
  } catch (const std::exception& error) {
    throw SocketError(error.what(), LogEvent::socket_failed);
  }
  return deployment;
}

std::shared_ptr<Daemon::Deployment> Daemon::make_deployment(const Settings& settings) {
  auto deployment = std::make_shared<Deployment>(settings, find_account(settings));
  std::erase_if(deployments_, [](const auto& each) { return each.expired(); });
  deployments_.push_back(deployment);
  return deployment;
}

/// The first generation's configuration has been read, and its sockets are open.
supervisor::GenerationPlan Daemon::next_plan() {
  if (!next_) {
    const Settings settings = reread_();
    check(settings);
    next_ = deploy(settings);
    warn_of(next_->settings);
    warn_of_fixed(next_->settings);
  }
  return plan_of(next_);
}

supervisor::GenerationPlan Daemon::plan_of(const std::shared_ptr<Deployment>& deployment) {
  supervisor::GenerationPlan plan = supervisor::make_plan(deployment->settings);
  plan.scoreboard = deployment->scoreboard;
  plan.examine = [this, deployment](std::optional<unsigned> index, int wait_status) {
    return post_mortem_.examine(deployment->crash_files,
                                index.value_or(deployment->zygotes_place()), wait_status);
  };
  plan.logs = [this, deployment] { return logs_of(*deployment); };
  plan.inbox = [deployment](unsigned index) { return deployment->inbox(index); };
  plan.recover = [this, deployment](unsigned index) {
    recover(deployment->inbox(index), &deployment->scoreboard->loads()[index].incoming);
  };
  if (deployment->settings.preload == config::Preload::off) {
    plan.entry = [this, deployment](unsigned index, ipc::WorkerLink link) {
      leave_master(*deployment, worker_role(index), index, support::Dumpable::yes);
      const int code = deployment->run_worker(index, *handover_queue_, std::move(link), nullptr);
      deployment->log.finish();
      return code;
    };
  } else {
    plan.entry = [this, deployment](ipc::WorkerLink link) {
      // It has the links of workers that are to be, and these may not reach for them.
      leave_master(*deployment, "zygote", deployment->zygotes_place(), support::Dumpable::no);
      const int code = worker::run_zygote(
          deployment->settings, deployment->crash_files, deployment->log, std::move(link),
          [&](unsigned index, ipc::WorkerLink own_link, worker::Preloaded preloaded) {
            deployment->log.set_role(worker_role(index));
            set_title(worker_role(index), deployment->settings);
            if (deployment->account) support::set_dumpable(support::Dumpable::yes);
            return deployment->run_worker(index, *handover_queue_, std::move(own_link),
                                          std::move(preloaded));
          });
      deployment->log.finish();
      return code;
    };
  }
  return plan;
}

gateway::LogStreams Daemon::logs_of(const Deployment& deployment) const noexcept {
  return {out_.file(), err_.file(), deployment.access ? deployment.access->file() : -1};
}

/// What is the master's alone, its rights among it, ends in the processes that it forks.
void Daemon::leave_master(Deployment& deployment, std::string role, unsigned place,
                          support::Dumpable dumpable) {
  set_title(role, deployment.settings);
  deployment.log.set_role(std::move(role));
  for (const auto& each : deployments_) {
    const auto other = each.lock();
    if (other && other.get() != &deployment) other->close_after_fork();
  }
  deployment.crash_files.enter(place);
  inherited_inboxes_.clear();
  if (pid_file_) pid_file_->close_after_fork();
  supervisor::ServiceManager::close_after_fork();
  set_umask(deployment.settings);
  if (deployment.settings.no_new_privs) {
    support::forbid_new_privileges();
    if (deployment.account) support::empty_bounding_set();
  }
  if (deployment.account) support::become(*deployment.account, dumpable);
}

void Daemon::on_reloaded(bool taken_over) {
  if (taken_over) {
    present_->sockets.clear();  // what the new one does not have is closed
    present_ = std::move(next_);
    log_.set_threshold(threshold(present_->settings));
    set_title("master", present_->settings);
    support::release_unchanged_file_pages();
  }
  next_.reset();
  manager_->on_reloaded(present_->describe(), present_->settings.workers.least);
}

void Daemon::warn_of(const Settings& settings) {
  for (const std::string& warning : find_warnings(settings)) {
    if (warned_.insert(warning).second) log_.report(LogEvent::config_warning, warning);
  }
}

/// What a running master cannot change.
void Daemon::warn_of_fixed(const Settings& next) {
  const auto check = [this](const char* option, const std::string& now, const std::string& then) {
    if (now == then) return;
    log_.report(LogEvent::config_needs_restart,
                fmt::format("the new --{} takes effect with a restart", option));
  };
  check("pidfile", settings_.pidfile, next.pidfile);
  check("control", settings_.control, next.control);
  check("touch-reload", settings_.touch_reload, next.touch_reload);
  // What the master has given up for good its workers cannot get.
  if (settings_.no_new_privs && !next.no_new_privs) check("no-new-privs", "yes", "no");
}

}  // namespace appd
