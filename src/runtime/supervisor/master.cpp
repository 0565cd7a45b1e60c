// The master's loop: signals, commands, deaths, reloads and the end.

#include "runtime/supervisor/master.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/support/leave_terminal.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::supervisor {

using gateway::LogEvent;

namespace {

/// For retired workers to hear that they are.
constexpr std::chrono::seconds kFormerPatience{5};

/// Until the log is tried again that was not read.
constexpr std::chrono::milliseconds kLogPause{50};

/// 0: there is none.
pid_t find_dead_child() noexcept {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

std::string count_workers(unsigned workers) {
  return fmt::format("{} worker{}", workers, workers == 1 ? "" : "s");
}

}  // namespace

Master::Master(gateway::Reporter& reporter, MasterSignals& signals, Service& service,
               std::unique_ptr<Deployment> first, EventSources sources,
               std::optional<UpgradeState> upgrade_state)
    : reporter_(reporter),
      service_(service),
      sources_(sources),
      upgrade_state_(std::move(upgrade_state)),
      signals_(signals) {
  if (upgrade_state_) {
    ForkHandler& fork_handler = *this;
    last_number_ = upgrade_state_->generation;
    generations_.push_back(std::make_unique<Generation>(last_number_, std::move(first), reporter_,
                                                        fork_handler, upgrade_state_->workers));
    present_ = generations_.back().get();
  } else {
    present_ = &add_generation(std::move(first));
  }
}

Master::~Master() {
  for (const auto& generation : generations_) generation->deployment().leave_open();
}

int Master::run() {
  begin();
  obey_signals();  // those of the start, before a process is started in vain
  while (true) {
    advance();  // first: what has failed is not started again
    for (const auto& generation : generations_) generation->tick();
    remove_finished();
    if (generations_.empty()) break;
    log_is_behind_ = !reporter_.flush();
    const auto next = service_.on_turn(count_serving());
    turn_due_ = next ? std::optional(Clock::now() + *next) : std::nullopt;
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
  reload_wanted_ = true;
  for (const int fd : upgrade_state_->callers) {
    reload_callers_.push_back(sources_.control->adopt(support::UniqueFd(fd)));
  }
  reap();  // who has ended before this program began
}

Generation& Master::add_generation(std::unique_ptr<Deployment> deployment) {
  if (deployment->plan().origin == Origin::zygote) {
    // Workers become the master's children, and are waited for, killed and described as such.
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) support::throw_errno("prctl", "subreaper");
  }
  ForkHandler& fork_handler = *this;
  generations_.push_back(
      std::make_unique<Generation>(++last_number_, std::move(deployment), reporter_, fork_handler));
  return *generations_.back();
}

// -- Progress
// ---------------------------------------------------------------------------------------

void Master::advance() {
  switch (phase_) {
    case Phase::starting:
      return advance_start();
    case Phase::serving:
      if (!reload_ && upgrade_wanted_) try_upgrade();
      if (!reload_) replace_inherited();
      if (!reload_ && std::exchange(reload_wanted_, false)) begin_reload();
      if (next_) advance_reload();
      if (reload_ && reload_->former) await_former();
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
                   fmt::format("ready: {}", count_workers(present_->plan().workers)));
  present_->establish();
  present_->serve();
  crash_limit_ = CrashLimit(present_->plan().max_crashes);
  service_.on_ready(present_->deployment());
}

void Master::try_upgrade() {
  UpgradeState upgrade_state;
  upgrade_state.generation = present_->number();
  upgrade_state.heartbeat = present_->plan().heartbeat;
  for (const auto& generation : generations_) {
    if (!generation->export_to(upgrade_state)) return;
  }
  upgrade_wanted_ = false;
  for (const ControlSocket::Caller caller : upgrade_callers_) {
    if (const int fd = sources_.control->fd_of(caller); fd >= 0)
      upgrade_state.callers.push_back(fd);
  }
  reporter_.report(LogEvent::upgrade_started, "upgrading");
  const std::string why = "the upgrade has failed: " + service_.upgrade(std::move(upgrade_state));
  reporter_.report(LogEvent::upgrade_refused, why);
  for (const ControlSocket::Caller caller : std::exchange(upgrade_callers_, {})) {
    sources_.control->fail(caller, why);
  }
}

/// Workers of another program cannot be started again; when some have died after a reload has
/// failed, only another reload helps.
void Master::replace_inherited() {
  constexpr std::chrono::seconds kPause{5};
  const bool complete = present_->wanted() > 0 && present_->ready() == present_->wanted();
  if (present_->can_start_workers() || complete) return;
  if (retry_due_ && Clock::now() < *retry_due_) return;
  reload_wanted_ = true;
  retry_due_ = Clock::now() + kPause;
}

void Master::begin_reload() {
  reporter_.report(LogEvent::reload_started, "reloading");
  service_.on_reloading();
  reload_.emplace(Reload{Clock::now(), std::exchange(reload_callers_, {})});
  try {
    next_ = &add_generation(service_.deploy_next());
    // As many as have been needed of late.
    const GenerationPlan& plan = next_->plan();
    reload_->wanted =
        std::clamp(present_->wanted(), plan.workers, std::max(plan.workers, plan.most_workers));
  } catch (const std::exception& error) {
    end_reload(false, fmt::format("the reload has failed: {}", error.what()));
  }
}

void Master::advance_reload() {
  RolloverView view;
  view.wanted = reload_->wanted;
  view.started = next_->wanted();
  view.ready = next_->ready();
  view.replaced = reload_->replaced;
  view.left = present_->going_on();
  view.old_ending = present_->any_ending();
  view.failed = next_->failure().has_value();
  switch (next_step(next_->plan().strategy, view)) {
    case RolloverStep::wait:
      return;
    case RolloverStep::start_all:
      return next_->grow(view.wanted);
    case RolloverStep::start_one:
      return next_->grow(1);
    case RolloverStep::replace_one:
      next_->serve();
      present_->retire(1);
      ++reload_->replaced;
      return;
    case RolloverStep::take_over:
      return take_over();
    case RolloverStep::discard:
      return discard();
  }
}

void Master::take_over() {
  next_->establish();
  next_->serve();
  present_->retire(present_->going_on());
  retry_due_.reset();
  crash_limit_ = CrashLimit(next_->plan().max_crashes);
  reload_->former = std::exchange(present_, std::exchange(next_, nullptr));
  reload_->patience = Clock::now() + kFormerPatience;
}

/// Whoever asked for the reload is told when no request meets the old code any more.
void Master::await_former() {
  if (reload_->former->any_accepting() && Clock::now() < reload_->patience) return;
  end_reload(true, fmt::format("reloaded after {}: generation {} serves ({})",
                               describe_duration(Clock::now() - reload_->began), present_->number(),
                               count_workers(reload_->wanted)));
}

void Master::discard() {
  present_->grow(reload_->replaced);
  next_->retire(next_->going_on());
  const std::string what = fmt::format("the reload has failed, generation {} goes on: {}",
                                       present_->number(), *next_->failure());
  end_reload(false, first_line(what), what);  // further lines the log has already
}

/// `what` is logged, `told` is for who has asked.
void Master::end_reload(bool taken_over, const std::string& what, const std::string& told) {
  reporter_.report(taken_over ? LogEvent::reload_finished : LogEvent::reload_refused, what);
  for (const ControlSocket::Caller caller : reload_->callers) {
    taken_over ? sources_.control->succeed(caller, told) : sources_.control->fail(caller, told);
  }
  next_ = nullptr;
  const Generation* const former = std::exchange(reload_, std::nullopt)->former;
  if (!taken_over) return service_.on_reload_refused();
  former->deployment().close_listeners();  // what the new one does not have is closed
  present_->deployment().take_over();
  service_.on_reloaded(present_->deployment());
}

void Master::remove_finished() {
  std::erase_if(generations_, [this](const auto& generation) {
    // Nobody has been started in one that is still to be filled.
    if (generation.get() == next_ || !generation->finished()) return false;
    if (generation.get() == present_) {
      // Of one that was inherited, nobody may be left: it has its place until the next one does.
      if (phase_ != Phase::stopping) return false;
      present_ = nullptr;
    }
    // The next turn tells who asked.
    if (reload_ && generation.get() == reload_->former) return false;
    if (phase_ == Phase::stopping) generation->deployment().leave_open();
    return true;
  });
}

// -- Events
// -----------------------------------------------------------------------------------------

unsigned Master::count_serving() const noexcept {
  const unsigned of_present = present_ ? present_->ready() : 0;
  return of_present + (reload_ && reload_->replaced > 0 && next_ ? next_->ready() : 0);
}

void Master::wait_for_events() {
  polled_.assign({{signals_.fd().get(), POLLIN, 0},
                  {sources_.control ? sources_.control->fd() : -1, POLLIN, 0},
                  {sources_.file_watcher ? sources_.file_watcher->fd() : -1, POLLIN, 0}});
  const std::size_t own = polled_.size();
  for (const auto& generation : generations_) generation->add_polled(polled_);
  const int timeout = poll_timeout();
  Clock::expect_wait(timeout < 0
                         ? std::nullopt
                         : std::optional<Clock::duration>(std::chrono::milliseconds(timeout)));
  if (::poll(polled_.data(), polled_.size(), timeout) < 0) {
    if (errno != EINTR) bear_failure("poll");
    return;
  }
  // Messages first: a worker that reports its failure and exits is to be known as failed, not as
  // dead.
  std::span<const pollfd> left = std::span(polled_).subspan(own);
  for (const auto& generation : generations_) {
    generation->read(left.first(generation->polled_size()));
    left = left.subspan(generation->polled_size());
  }
  if (polled_[2].revents != 0 && sources_.file_watcher->look()) reload_wanted_ = true;
  if (polled_[1].revents != 0) {
    for (const auto& request : sources_.control->receive(Clock::now(), reporter_))
      on_request(request);
  }
  if (sources_.control) sources_.control->tick(Clock::now());
  if (polled_[0].revents != 0 && !obey_signals()) bear_failure("read of signals");
}

/// False: there was none.
bool Master::obey_signals() {
  bool any = false;
  while (const auto signal = support::try_read_signal(signals_.fd())) {
    any = true;
    on_signal(*signal);
  }
  return any;
}

/// What the kernel refuses now it may do soon. Workers serve meanwhile, and this must not spin.
void Master::bear_failure(const char* call) {
  constexpr std::chrono::milliseconds kPause{10};
  reporter_.report(LogEvent::server_call_failed,
                   fmt::format("{} failed, will try again: {}", call, std::strerror(errno)));
  std::this_thread::sleep_for(kPause);
}

int Master::poll_timeout() const noexcept {
  constexpr std::chrono::milliseconds kForever{-1};
  // A time in which this process does not run is known only as far as it comes late.
  constexpr std::chrono::milliseconds kLongest = std::chrono::seconds(5);
  std::optional<Clock::time_point> first = turn_due_;
  const auto consider = [&first](std::optional<Clock::time_point> due) {
    if (due && (!first || *due < *first)) first = due;
  };
  for (const auto& generation : generations_) consider(generation->due());
  if (log_is_behind_) consider(Clock::now() + kLogPause);
  if (sources_.control) consider(sources_.control->due());
  if (reload_ && reload_->former) consider(reload_->patience);
  if (phase_ == Phase::serving && !reload_) {
    if (reload_wanted_) consider(Clock::now());
    consider(retry_due_);
  }
  if (!first) return static_cast<int>(kForever.count());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kLongest).count());
}

void Master::on_signal(const support::ReceivedSignal& signal) {
  const std::string name = describe_signal(signal.number);
  switch (signal.number) {
    case SIGCHLD:
      return reap();
    case SIGHUP:
      reload_wanted_ = true;
      return;
    case SIGUSR2:
      upgrade_wanted_ = true;
      return;
    case SIGUSR1:
      return reopen_logs();
    case SIGTERM:
    case SIGINT:
      if (phase_ != Phase::stopping) return stop(name);
      [[fallthrough]];
    case SIGQUIT:
      reporter_.report(LogEvent::server_stopping_now, fmt::format("{}: stopping at once", name));
      return stop_at_once();
    default:
      // A terminal sends SIGWINCH whenever its window changes its size.
      const bool by_terminal = signal.number == SIGWINCH && signal.sender == 0;
      reporter_.report(by_terminal ? LogEvent::signal_window : LogEvent::signal_ignored,
                       fmt::format("{} is ignored: {}", name, describe_sender(signal)));
  }
}

void Master::reopen_logs() {
  service_.reopen_logs();
  for (const auto& generation : generations_) generation->reopen_logs();
  reporter_.report(LogEvent::log_reopened, "SIGUSR1: logs that are files have been opened anew");
}

void Master::on_request(ControlSocket::Request request) {
  ControlSocket& control = *sources_.control;
  switch (request.verb) {
    case ControlVerb::status:
      if (count_serving() > 0) return control.succeed(request.caller, describe());
      control.say(request.caller, describe());
      return control.fail(request.caller, "no worker is ready");
    case ControlVerb::stop:
      // The outcome is the end of this process.
      if (phase_ != Phase::stopping) stop("asked to stop");
      return;
    case ControlVerb::reload:
      if (phase_ == Phase::stopping) return control.fail(request.caller, "appd is stopping");
      reload_wanted_ = true;
      queue_caller(reload_callers_, request.caller);
      return;
    case ControlVerb::upgrade:
      if (phase_ == Phase::stopping) return control.fail(request.caller, "appd is stopping");
      upgrade_wanted_ = true;
      queue_caller(upgrade_callers_, request.caller);
      return;
  }
}

/// In the place of those that have gone away meanwhile.
void Master::queue_caller(Callers& callers, ControlSocket::Caller caller) {
  std::erase_if(callers, [this](auto each) { return sources_.control->fd_of(each) < 0; });
  callers.push_back(caller);
}

std::string Master::describe() const {
  const Generation& served = present_ ? *present_ : *generations_.back();
  std::string text = fmt::format("{}: {}", service_.describe(), served.deployment().describe());
  for (const auto& generation : generations_) {
    const char* what = generation.get() == present_ ? "serves"
                       : generation.get() == next_  ? "starts"
                                                    : "ends";
    text += fmt::format("\ngeneration {} {}", generation->number(), what);
    text += generation->describe();
  }
  return text;
}

// All children, also those that are not workers: as process 1 of a container, or with a zygote, the
// master inherits what the application's own children leave behind.
void Master::reap() {
  while (const pid_t pid = find_dead_child()) {
    // Who it is may be said by a message that has not been read yet; that it is a child can be seen
    // only until it has been waited for.
    for (const auto& generation : generations_) generation->meet();
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) return;
    for (const auto& generation : generations_) {
      if (generation->on_exit(pid, status) == ProcessEnd::crash) on_crash();
    }
  }
}

void Master::on_crash() {
  if (phase_ != Phase::serving || !crash_limit_.on_crash(Clock::now())) return;
  exit_code_ = support::exit_code::kCrashes;
  const CrashRate& borne = *present_->plan().max_crashes;
  reporter_.report(
      LogEvent::server_crash_limit,
      fmt::format("more than {} of the processes have died within {} (--max-crashes): stopping",
                  borne.crashes, describe_duration(borne.within)));
  stop_all();
}

void Master::enter_child(const Deployment& own) {
  signals_.close_after_fork();
  if (sources_.control) sources_.control->close_after_fork();
  if (sources_.file_watcher) sources_.file_watcher->close_after_fork();
  for (const auto& generation : generations_) {
    generation->close_links();
    if (&generation->deployment() != &own) generation->deployment().close_after_fork();
  }
  service_.close_after_fork();
  support::leave_terminal();
  support::enter_worker_signals(signals_.mask_for_children(upgrade_state_.has_value()));
}

// -- The end
// ----------------------------------------------------------------------------------------

void Master::abandon_start() {
  exit_code_ = support::exit_code::kStart;
  reporter_.report(LogEvent::server_start_failed, "the start is given up");
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
  if (reload_) {
    reload_callers_.insert(reload_callers_.end(), reload_->callers.begin(), reload_->callers.end());
  }
  reload_callers_.insert(reload_callers_.end(), upgrade_callers_.begin(), upgrade_callers_.end());
  for (const ControlSocket::Caller caller : std::exchange(reload_callers_, {})) {
    sources_.control->fail(caller, "appd is stopping");
  }
  next_ = nullptr;
  reload_.reset();
  for (const auto& generation : generations_) generation->deployment().close_listeners();
  service_.on_stopping();
}

}  // namespace appd::supervisor
