#include "runtime/supervisor/master.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::supervisor {

using gateway::Level;
using observe::WorkerLink;
using observe::WorkerMessage;

namespace {

void set_disposition(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Master::Master(MasterOptions options, std::variant<WorkerEntry, ZygoteEntry> entry,
               observe::Scoreboard& scoreboard, gateway::Reporter& reporter, MasterHooks hooks)
    : options_(options),
      entry_(std::move(entry)),
      scoreboard_(scoreboard),
      reporter_(reporter),
      hooks_(std::move(hooks)),
      signals_({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD}),
      signal_fd_(support::open_signal_fd(signals_.set())) {
  set_disposition(SIGPIPE, SIG_IGN);
  set_disposition(SIGCHLD, SIG_DFL);  // inherited as ignored, it would take the exit codes away
  const Clock::time_point now = Clock::now();
  if (std::holds_alternative<ZygoteEntry>(entry_)) {
    // Workers become the master's children, and are waited for, killed and described as such.
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) support::throw_errno("prctl", "subreaper");
    children_.push_back(&zygote_.emplace(now).child());
  }
  for (unsigned index = 0; index < options_.workers; ++index) {
    workers_.push_back({fmt::format("worker {}", index + 1), index, WorkerSlot(now), std::nullopt});
  }
  for (Child& worker : workers_) children_.push_back(&worker);
}

Master::~Master() {
  for (const Child* child : children_) {
    if (!child->process || !child->process->pid) continue;
    ::kill(*child->process->pid, SIGKILL);
    while (::waitpid(*child->process->pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

int Master::run() {
  while (true) {
    for (Child* child : children_) {
      perform(*child, child->slot.on_tick(Clock::now(), can_start(*child)));
    }
    if (finished()) break;
    if (hooks_.on_turn) turn_due_ = hooks_.on_turn(count_ready());
    wait_for_events();
  }
  reporter_.report(Level::info, "stopped");
  return exit_code_;
}

void Master::perform(Child& child, SlotAction action) {
  switch (action) {
    case SlotAction::none:
      return;
    case SlotAction::start:
      return start(child);
    case SlotAction::order_drain:
      return child.process->link.send_drain();
    case SlotAction::kill:
      return kill(child);
  }
}

void Master::start(Child& child) {
  try {
    if (zygote_ && child.is_worker()) {
      order_worker(child);
    } else {
      fork_child(child);
    }
    child.slot.on_started();
  } catch (const std::system_error& error) {
    on_start_failed(child, error.what());
  }
}

void Master::fork_child(Child& child) {
  auto [master_end, child_end] = WorkerLink::make_pair();
  if (child.is_worker()) scoreboard_.clear(*child.index);
  std::fflush(nullptr);  // or parent and child would both write what stdio holds
  const pid_t pid = ::fork();
  if (pid < 0) support::throw_errno("fork");
  if (pid == 0) {
    master_end.close();
    live_as_child(child, std::move(child_end));
  }
  child.process = ChildProcess{pid, std::move(master_end), Clock::now(), std::nullopt};
  reporter_.report(Level::debug, fmt::format("{} started (pid {})", child.name, pid));
}

void Master::order_worker(Child& worker) {
  auto [master_end, worker_end] = WorkerLink::make_pair();
  scoreboard_.clear(*worker.index);
  zygote_->order_fork(*worker.index, worker_end);
  worker.process = ChildProcess{std::nullopt, std::move(master_end), Clock::now(), std::nullopt};
}

// A worker learns of its master's death from the end of its link, on which it drains.
// (PR_SET_PDEATHSIG would cut off its requests, and is lost when the worker changes its user.) So
// no worker may keep the master's end of another's link, and none returns into the master's code.
void Master::live_as_child(const Child& child, WorkerLink link) noexcept {
  signal_fd_.reset();
  for (Child* other : children_) {
    if (other->process) other->process->link.close();
  }
  support::enter_worker_signals(signals_.previous());
  int code = support::exit_code::kFailure;
  try {
    code = live(child, std::move(link));
  } catch (const std::exception& error) {
    reporter_.report(Level::error, fmt::format("{}: {}", child.name, error.what()));
  }
  std::fflush(nullptr);
  ::_exit(code);
}

int Master::live(const Child& child, WorkerLink link) {
  if (!child.is_worker()) return std::get<ZygoteEntry>(entry_)(std::move(link));
  return std::get<WorkerEntry>(entry_)(*child.index, std::move(link));
}

void Master::kill(const Child& child) {
  reporter_.report(Level::warning, fmt::format("killing {}{}", title(child),
                                               describe_work(child, ", still serving ")));
  // Otherwise at its first message, or there will never be one.
  if (child.process->pid) ::kill(*child.process->pid, SIGKILL);
}

bool Master::finished() const noexcept {
  return std::all_of(children_.begin(), children_.end(),
                     [](const Child* child) { return child->slot.state() == SlotState::retired; });
}

unsigned Master::count_ready() const noexcept {
  return static_cast<unsigned>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const Child& worker) { return worker.slot.state() == SlotState::ready; }));
}

void Master::wait_for_events() {
  polled_.assign(1, {signal_fd_.get(), POLLIN, 0});
  for (const Child* child : children_) {
    polled_.push_back({child->process ? child->process->link.fd() : -1, POLLIN, 0});
  }
  if (::poll(polled_.data(), polled_.size(), poll_timeout()) < 0) {
    if (errno == EINTR) return;
    support::throw_errno("poll");
  }
  // Messages first: a worker that reports its failure and exits is to be known as failed, not as
  // dead.
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (polled_[i + 1].revents != 0) read_messages(*children_[i]);
  }
  if (polled_[0].revents == 0) return;
  while (const auto signal = support::try_read_signal(signal_fd_)) on_signal(*signal);
}

int Master::poll_timeout() const noexcept {
  constexpr std::chrono::milliseconds kForever{-1};
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  std::optional<Clock::time_point> first = turn_due_;
  for (const Child* child : children_) {
    const auto due = child->slot.due(can_start(*child));
    if (due && (!first || *due < *first)) first = due;
  }
  if (!first) return static_cast<int>(kForever.count());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kLongest).count());
}

bool Master::can_start(const Child& child) const noexcept {
  return !child.is_worker() || !zygote_ || zygote_->can_fork();
}

/// How long it may take to end.
std::chrono::nanoseconds Master::grace(const Child& child) const noexcept {
  if (child.is_worker()) return options_.graceful_timeout;
  return std::min<std::chrono::nanoseconds>(options_.graceful_timeout, WorkerSlot::kStartingGrace);
}

void Master::read_messages(Child& child) {
  constexpr int kAtOnce = 16;  // a worker gone mad must not keep the master from the others
  for (int i = 0; i < kAtOnce && child.process && child.process->link.fd() >= 0; ++i) {
    const auto [got, message] = child.process->link.receive_message();
    if (got == WorkerLink::Got::nothing) return;
    if (got == WorkerLink::Got::message) {
      on_message(child, message);
    } else {
      on_link_end(child);
    }
  }
}

void Master::on_link_end(Child& child) {
  child.process->link.close();
  child.slot.on_link_lost(Clock::now(), grace(child));
  if (child.process->pid) return;
  // It was never born, or killed before its first word. The zygote may have told why.
  read_messages(zygote_->child());
  if (child.process) on_death(child, std::nullopt);
}

void Master::on_message(Child& child, const WorkerMessage& message) {
  if (!child.process->pid) on_first_message(child, message.sender);
  switch (message.kind) {
    case WorkerMessage::Kind::step:
      child.process->step = message.step;
      return;
    case WorkerMessage::Kind::ready:
      return on_ready(child);
    case WorkerMessage::Kind::failed:
      return on_failed(child, message);
    case WorkerMessage::Kind::forked:
    case WorkerMessage::Kind::not_forked:
      if (!child.is_worker()) on_answer(message);
      return;
  }
}

/// The zygote has forked it.
void Master::on_first_message(Child& child, pid_t sender) {
  child.process->pid = sender;
  reporter_.report(Level::debug, fmt::format("{} started (pid {})", child.name, sender));
  if (child.slot.state() == SlotState::killed) ::kill(sender, SIGKILL);
}

void Master::on_ready(Child& child) {
  child.slot.on_ready(Clock::now());
  child.process->step.reset();
  reporter_.report(phase_ == Phase::serving ? Level::info : Level::debug,
                   fmt::format("{} is ready", title(child)));
  if (phase_ != Phase::starting || count_ready() != workers_.size()) return;

  phase_ = Phase::serving;
  reporter_.report(Level::debug, fmt::format("ready: {} worker{}", workers_.size(),
                                             workers_.size() == 1 ? "" : "s"));
  if (hooks_.on_ready) hooks_.on_ready();
}

void Master::on_failed(Child& child, const WorkerMessage& message) {
  child.process->failure_reported = true;
  // Broken code fails in every worker: once is enough to say it.
  reporter_.report(
      phase_ == Phase::stopping ? Level::debug : Level::error,
      fmt::format("{} failed at {}: {}", child.name, name(message.step), message.text));
  if (phase_ == Phase::starting) abandon_start();
}

/// The zygote's, to its order. What it has forked speaks for itself.
void Master::on_answer(const WorkerMessage& message) {
  const std::optional<unsigned> index = zygote_->on_answer();
  if (!index || message.kind == WorkerMessage::Kind::forked) return;
  Child& worker = workers_[*index];
  if (!worker.process || worker.process->pid) return;
  worker.process.reset();
  on_start_failed(worker, message.text);
}

void Master::on_start_failed(Child& child, std::string_view why) {
  reporter_.report(Level::error, fmt::format("{} cannot be started: {}", child.name, why));
  child.slot.on_death(Clock::now());
  if (phase_ == Phase::starting) abandon_start();
}

void Master::on_signal(int signal) {
  switch (signal) {
    case SIGCHLD:
      return reap();
    case SIGHUP:
      return reporter_.report(Level::warning, "SIGHUP is ignored");
    case SIGQUIT:
      break;
    default:  // SIGTERM, SIGINT
      if (phase_ == Phase::stopping) break;
      reporter_.report(Level::info, fmt::format("{}: stopping; requests have {} to finish",
                                                describe_signal(signal),
                                                describe_duration(options_.graceful_timeout)));
      return stop();
  }
  reporter_.report(Level::warning, fmt::format("{}: stopping at once", describe_signal(signal)));
  stop_at_once();
}

// All children, also those that are not workers: as process 1 of a container, or with a zygote, the
// master inherits what the application's own children leave behind.
void Master::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (Child* const dead = child_of(pid)) on_death(*dead, status);
  }
}

Child* Master::child_of(pid_t pid) {
  // Who it is may be said by a message that has not been read yet.
  for (Child* child : children_) {
    if (child->process && !child->process->pid) read_messages(*child);
  }
  const auto found = std::find_if(children_.begin(), children_.end(), [pid](const Child* child) {
    return child->process && child->process->pid == pid;
  });
  return found == children_.end() ? nullptr : *found;
}

/// `wait_status`: none when it was never known which process it would be.
void Master::on_death(Child& child, std::optional<int> wait_status) {
  read_messages(child);  // its last words
  const bool killed_by_us = child.slot.state() == SlotState::killed;
  if (!killed_by_us && !child.process->failure_reported) report_death(child, wait_status);
  const Clock::time_point now = Clock::now();
  child.slot.on_death(now);
  child.process.reset();
  if (child.is_worker()) {
    scoreboard_.clear(*child.index);  // the others must not count on it
  } else {
    zygote_->on_death();
  }

  if (phase_ == Phase::starting) return abandon_start();
  const auto due = child.slot.due();
  if (due && *due > now) {
    reporter_.report(Level::warning, fmt::format("{} keeps dying: next start in {}", child.name,
                                                 describe_duration(*due - now)));
  }
}

void Master::report_death(const Child& dead, std::optional<int> wait_status) {
  const bool as_ordered = phase_ == Phase::stopping && wait_status.value_or(0) == 0;
  // Code 0 while serving: somebody sent SIGTERM to the worker alone.
  const bool harmless = phase_ == Phase::stopping || wait_status == 0;
  const Level level = as_ordered ? Level::debug : harmless ? Level::warning : Level::error;
  const auto& step = dead.process->step;
  reporter_.report(level, fmt::format("{} {}{}{} after {}{}", title(dead),
                                      wait_status ? describe_exit(*wait_status) : "was not forked",
                                      step ? " at " : "", step ? name(*step) : "",
                                      describe_duration(Clock::now() - dead.process->started),
                                      describe_work(dead, ", while serving ")));
}

/// What it is serving, after the introduction; "" for nothing.
std::string Master::describe_work(const Child& child, std::string_view introduction) const {
  if (!child.is_worker()) return "";
  const auto running = scoreboard_.running(*child.index);
  return running.empty() ? "" : fmt::format("{}{}", introduction, describe_requests(running));
}

void Master::abandon_start() {
  exit_code_ = support::exit_code::kStart;
  reporter_.report(Level::error, "the start is given up");
  stop();
}

void Master::stop() {
  enter_stopping();
  for (Child* child : children_) {
    perform(*child, child->slot.retire(Clock::now(), grace(*child)));
  }
}

void Master::stop_at_once() {
  enter_stopping();
  for (Child* child : children_) perform(*child, child->slot.retire_at_once());
}

void Master::enter_stopping() {
  if (std::exchange(phase_, Phase::stopping) == Phase::stopping) return;
  if (hooks_.on_stopping) hooks_.on_stopping();
}

}  // namespace appd::supervisor
