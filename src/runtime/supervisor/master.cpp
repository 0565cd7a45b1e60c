// The master's loop, and what it leads to: the start, reloads, upgrades and the end.

#include "runtime/supervisor/master.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <exception>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/support/leave_terminal.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::supervisor {

using gateway::LogEvent;

Master::Master(gateway::Reporter& reporter, EventSources sources, Service& service,
               std::unique_ptr<Deployment> first, std::optional<UpgradeState> upgrade_state)
    : reporter_(reporter),
      sources_(sources),
      service_(service),
      upgrade_state_(std::move(upgrade_state)),
      pending_reload_{false, Callers(sources.control)},
      pending_upgrade_{false, Callers(sources.control)} {
  if (!upgrade_state_) {
    present_ = &add_generation(std::move(first));
    return;
  }
  ForkHandler& fork_handler = *this;
  last_number_ = upgrade_state_->generation;
  generations_.push_back(std::make_unique<Generation>(last_number_, std::move(first), reporter_,
                                                      fork_handler, upgrade_state_->workers));
  present_ = generations_.back().get();
}

Master::~Master() {
  for (const auto& generation : generations_) generation->deployment().leave_open();
}

int Master::run() {
  begin();
  obey_signals();  // a stop may have come already: then no process is started
  while (true) {
    advance();  // before the tick, which would start again what has failed
    for (const auto& generation : generations_) generation->tick();
    remove_finished();
    if (generations_.empty()) break;
    plan_turn();
    wait_for_events();
  }
  reporter_.report(LogEvent::server_stopped, "stopped");
  return exit_code_;
}

void Master::begin() {
  if (upgrade_state_) return inherit();
  present_->grow(present_->plan().workers);
}

void Master::inherit() {
  phase_ = Phase::serving;
  pending_reload_.wanted = true;
  for (const int fd : upgrade_state_->callers) {
    pending_reload_.callers.adopt(support::UniqueFd(fd));
  }
  reap();  // some may have ended before this program began
}

Generation& Master::add_generation(std::unique_ptr<Deployment> deployment) {
  if (deployment->plan().origin == Origin::zygote) {
    // So the workers that it forks become children of the master.
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) support::throw_errno("prctl", "subreaper");
  }
  ForkHandler& fork_handler = *this;
  generations_.push_back(
      std::make_unique<Generation>(++last_number_, std::move(deployment), reporter_, fork_handler));
  return *generations_.back();
}

// -- Progress

void Master::advance() {
  switch (phase_) {
    case Phase::starting:
      return advance_start();
    case Phase::serving:
      if (!reload_ && pending_upgrade_.wanted) try_upgrade();
      if (!reload_) replace_inherited();
      if (!reload_ && std::exchange(pending_reload_.wanted, false)) begin_reload();
      if (reload_) advance_reload();
      return;
    case Phase::stopping:
      return;
  }
}

void Master::advance_start() {
  if (present_->failure()) return abandon_start();
  if (present_->ready() < present_->plan().workers) return;
  phase_ = Phase::serving;
  reporter_.report(LogEvent::worker_prepared,
                   fmt::format("ready: {}", describe_workers(present_->plan().workers)));
  present_->establish();
  present_->serve();
  follow(*present_);
  service_.on_ready(present_->deployment(), present_->program());
}

void Master::try_upgrade() {
  UpgradeState upgrade_state;
  upgrade_state.generation = present_->number();
  upgrade_state.heartbeat = present_->plan().heartbeat;
  for (const auto& generation : generations_) {
    if (!generation->export_to(upgrade_state)) return;
  }
  pending_upgrade_.wanted = false;
  upgrade_state.callers = pending_upgrade_.callers.descriptors();
  reporter_.report(LogEvent::upgrade_started, "upgrading");
  const std::string why = "the upgrade failed: " + service_.upgrade(std::move(upgrade_state));
  reporter_.report(LogEvent::upgrade_refused, why);
  pending_upgrade_.callers.fail(why);
}

/// Workers of another program cannot be started again. If some have died after a failed reload,
/// only another reload helps.
void Master::replace_inherited() {
  constexpr std::chrono::seconds kPause{5};
  const bool complete = present_->wanted() > 0 && present_->ready() == present_->wanted();
  if (present_->can_start_workers() || complete) return;
  if (retry_due_ && Clock::now() < *retry_due_) return;
  pending_reload_.wanted = true;
  retry_due_ = Clock::now() + kPause;
}

void Master::begin_reload() {
  reporter_.report(LogEvent::reload_started, "reloading");
  service_.on_reloading();
  const Clock::time_point began = Clock::now();
  try {
    Generation& next = add_generation(service_.deploy_next());
    reload_.emplace(*present_, next, std::move(pending_reload_.callers), reporter_, began);
  } catch (const std::exception& error) {
    const std::string why = fmt::format("the reload failed: {}", error.what());
    reporter_.report(LogEvent::reload_refused, why);
    pending_reload_.callers.fail(why);
    service_.on_reload_refused();
  }
}

void Master::advance_reload() {
  Reload::Progress progress = reload_->advance(Clock::now());
  if (progress == Reload::Progress::taken_over) {
    follow(*generations_.back());
    progress = reload_->advance(Clock::now());
  }
  if (progress != Reload::Progress::under_way) end_reload(progress);
}

void Master::follow(Generation& present) {
  present_ = &present;
  retry_due_.reset();
  crash_limit_ = CrashLimit(present.plan().max_crashes);
}

void Master::end_reload(Reload::Progress how) {
  reload_.reset();
  if (how == Reload::Progress::discarded) return service_.on_reload_refused();
  present_->deployment().take_over();
  service_.on_reloaded(present_->deployment());
}

void Master::remove_finished() {
  std::erase_if(generations_, [this](const auto& generation) {
    if (!generation->finished()) return false;
    // In a reload, the next one may have no worker yet, and the former one none any more.
    if (reload_ && reload_->is_of(*generation)) return false;
    if (generation.get() == present_) {
      // An inherited one may have no worker left. It stays until the next one has taken over.
      if (phase_ != Phase::stopping) return false;
      present_ = nullptr;
    }
    if (phase_ == Phase::stopping) generation->deployment().leave_open();
    return true;
  });
}

void Master::enter_child() {
  if (sources_.change_watcher == nullptr) support::leave_terminal();
  sources_.signals.prepare_child(upgrade_state_.has_value());
}

// -- The end

void Master::abandon_start() {
  exit_code_ = support::exit_code::kStart;
  reporter_.report(LogEvent::server_start_failed, "giving up the start");
  service_.on_start_failed(*present_->failure());
  stop_all();
}

void Master::stop(std::string_view reason) {
  reporter_.report(LogEvent::server_stopping,
                   fmt::format("{}: stopping; requests have {} to finish", reason,
                               describe_duration(present_->plan().graceful_timeout)));
  stop_all();
}

void Master::stop_all() {
  enter_stopping();
  for (const auto& generation : generations_) generation->stop();
}

void Master::stop_at_once() {
  enter_stopping();
  for (const auto& generation : generations_) generation->stop_at_once();
}

void Master::enter_stopping() {
  if (std::exchange(phase_, Phase::stopping) == Phase::stopping) return;
  constexpr const char* kWhy = "appd is stopping";
  if (reload_) reload_->abandon(kWhy);
  reload_.reset();
  pending_reload_.callers.fail(kWhy);
  pending_upgrade_.callers.fail(kWhy);
  for (const auto& generation : generations_) generation->close_listeners();
  service_.on_stopping();
}

}  // namespace appd::supervisor
