#include "runtime/supervisor/master.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/worker_signals.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {

using gateway::Level;
using observe::WorkerLink;
using observe::WorkerMessage;

namespace {

unsigned number(unsigned index) noexcept {
  return index + 1;
}

void set_disposition(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Master::Master(MasterOptions options, ChildEntry child_entry, observe::Scoreboard& scoreboard,
               gateway::Reporter& reporter, MasterHooks hooks)
    : options_(options),
      child_entry_(std::move(child_entry)),
      scoreboard_(scoreboard),
      reporter_(reporter),
      hooks_(std::move(hooks)),
      signals_({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD}),
      signal_fd_(support::open_signal_fd(signals_.set())) {
  set_disposition(SIGPIPE, SIG_IGN);
  set_disposition(SIGCHLD, SIG_DFL);  // inherited as ignored, it would take the exit codes away
  for (unsigned index = 0; index < options_.workers; ++index) {
    workers_.push_back({index, WorkerSlot(Clock::now()), std::nullopt});
  }
}

Master::~Master() {
  for (const Worker& worker : workers_) {
    if (!worker.process) continue;
    ::kill(worker.process->pid, SIGKILL);
    while (::waitpid(worker.process->pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

int Master::run() {
  while (true) {
    for (Worker& worker : workers_) perform(worker, worker.slot.on_tick(Clock::now()));
    if (finished()) break;
    wait_for_events();
  }
  reporter_.report(Level::info, "stopped");
  return exit_code_;
}

void Master::perform(Worker& worker, SlotAction action) {
  switch (action) {
    case SlotAction::none:
      return;
    case SlotAction::start:
      return start(worker);
    case SlotAction::order_drain:
      return worker.process->link.send(observe::MasterOrder::drain);
    case SlotAction::kill:
      return kill(worker);
  }
}

void Master::start(Worker& worker) {
  try {
    fork_worker(worker);
    worker.slot.on_started();
  } catch (const std::system_error& error) {
    reporter_.report(Level::error, fmt::format("worker {} cannot be started: {}",
                                               number(worker.index), error.what()));
    worker.slot.on_death(Clock::now());
    if (phase_ == Phase::starting) abandon_start();
  }
}

void Master::fork_worker(Worker& worker) {
  auto [master_end, worker_end] = WorkerLink::make_pair();
  scoreboard_.clear(worker.index);
  std::fflush(nullptr);  // or parent and child would both write what stdio holds
  const pid_t pid = ::fork();
  if (pid < 0) support::throw_errno("fork");
  if (pid == 0) {
    master_end.close();
    live_as_worker(worker.index, std::move(worker_end));
  }
  worker.process = Process{pid, std::move(master_end), Clock::now(), std::nullopt};
  reporter_.report(Level::debug,
                   fmt::format("worker {} started (pid {})", number(worker.index), pid));
}

// A worker learns of its master's death from the end of its link, on which it drains.
// (PR_SET_PDEATHSIG would cut off its requests, and is lost when the worker changes its user.) So
// no worker may keep the master's end of another's link, and none returns into the master's code.
void Master::live_as_worker(unsigned index, WorkerLink link) noexcept {
  signal_fd_.reset();
  for (Worker& other : workers_) {
    if (other.process) other.process->link.close();
  }
  enter_worker_signals(signals_.previous());
  int code = support::exit_code::kFailure;
  try {
    code = child_entry_(index, std::move(link));
  } catch (const std::exception& error) {
    reporter_.report(Level::error, fmt::format("worker {}: {}", number(index), error.what()));
  }
  std::fflush(nullptr);
  ::_exit(code);
}

void Master::kill(const Worker& worker) {
  const auto running = scoreboard_.running(worker.index);
  reporter_.report(
      Level::warning,
      fmt::format("killing worker {} (pid {}){}{}", number(worker.index), worker.process->pid,
                  running.empty() ? "" : ", still serving ", describe_requests(running)));
  ::kill(worker.process->pid, SIGKILL);
}

bool Master::finished() const noexcept {
  return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
    return worker.slot.state() == SlotState::retired;
  });
}

void Master::wait_for_events() {
  polled_.assign(1, {signal_fd_.get(), POLLIN, 0});
  for (const Worker& worker : workers_) {
    polled_.push_back({worker.process ? worker.process->link.fd() : -1, POLLIN, 0});
  }
  if (::poll(polled_.data(), polled_.size(), poll_timeout()) < 0) {
    if (errno == EINTR) return;
    support::throw_errno("poll");
  }
  // Messages first: a worker that reports its failure and exits is to be known as failed, not as
  // dead.
  for (Worker& worker : workers_) {
    if (polled_[worker.index + 1].revents != 0) read_messages(worker);
  }
  if (polled_[0].revents == 0) return;
  while (const auto signal = support::try_read_signal(signal_fd_)) on_signal(*signal);
}

int Master::poll_timeout() const noexcept {
  constexpr std::chrono::milliseconds kForever{-1};
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  std::optional<Clock::time_point> first;
  for (const Worker& worker : workers_) {
    const auto due = worker.slot.due();
    if (due && (!first || *due < *first)) first = due;
  }
  if (!first) return static_cast<int>(kForever.count());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kLongest).count());
}

void Master::read_messages(Worker& worker) {
  constexpr int kAtOnce = 16;  // a worker gone mad must not keep the master from the others
  WorkerLink& link = worker.process->link;
  for (int i = 0; i < kAtOnce && link.fd() >= 0; ++i) {
    const auto [got, message] = link.receive_message();
    if (got == WorkerLink::Got::nothing) return;
    if (got == WorkerLink::Got::message) {
      on_message(worker, message);
    } else {
      link.close();
      worker.slot.on_link_lost(Clock::now(), options_.graceful_timeout);
    }
  }
}

void Master::on_message(Worker& worker, const WorkerMessage& message) {
  switch (message.kind) {
    case WorkerMessage::Kind::step:
      worker.process->step = message.step;
      return;
    case WorkerMessage::Kind::ready:
      return on_ready(worker);
    case WorkerMessage::Kind::failed:
      return on_failed(worker, message);
  }
}

void Master::on_ready(Worker& worker) {
  worker.slot.on_ready(Clock::now());
  worker.process->step.reset();
  reporter_.report(
      phase_ == Phase::serving ? Level::info : Level::debug,
      fmt::format("worker {} (pid {}) is ready", number(worker.index), worker.process->pid));
  const bool all_ready = std::all_of(workers_.begin(), workers_.end(), [](const Worker& each) {
    return each.slot.state() == SlotState::ready;
  });
  if (phase_ != Phase::starting || !all_ready) return;

  phase_ = Phase::serving;
  reporter_.report(Level::debug, fmt::format("ready: {} worker{}", workers_.size(),
                                             workers_.size() == 1 ? "" : "s"));
  if (hooks_.on_ready) hooks_.on_ready();
}

void Master::on_failed(Worker& worker, const WorkerMessage& message) {
  worker.process->failure_reported = true;
  // Broken code fails in every worker: once is enough to say it.
  reporter_.report(phase_ == Phase::stopping ? Level::debug : Level::error,
                   fmt::format("worker {} failed at {}: {}", number(worker.index),
                               name(message.step), message.text));
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

// All children, also those that are not workers: as process 1 of a container the master inherits
// what the application's own children leave behind.
void Master::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto dead = std::find_if(workers_.begin(), workers_.end(), [pid](const Worker& worker) {
      return worker.process && worker.process->pid == pid;
    });
    if (dead != workers_.end()) on_death(*dead, status);
  }
}

void Master::on_death(Worker& worker, int wait_status) {
  read_messages(worker);  // its last words
  const bool killed_by_us = worker.slot.state() == SlotState::killed;
  const Clock::time_point now = Clock::now();
  worker.slot.on_death(now);
  const Process dead = std::move(*std::exchange(worker.process, std::nullopt));
  if (!killed_by_us && !dead.failure_reported) report_death(worker.index, dead, wait_status);
  scoreboard_.clear(worker.index);  // the others must not count on it

  if (phase_ == Phase::starting) return abandon_start();
  const auto due = worker.slot.due();
  if (due && *due > now) {
    reporter_.report(Level::warning,
                     fmt::format("worker {} keeps dying: next start in {}", number(worker.index),
                                 describe_duration(*due - now)));
  }
}

void Master::report_death(unsigned index, const Process& dead, int wait_status) {
  const bool as_ordered = phase_ == Phase::stopping && wait_status == 0;
  // Code 0 while serving: somebody sent SIGTERM to the worker alone.
  const bool harmless = phase_ == Phase::stopping || wait_status == 0;
  const Level level = as_ordered ? Level::debug : harmless ? Level::warning : Level::error;
  const auto running = scoreboard_.running(index);
  reporter_.report(
      level,
      fmt::format("worker {} (pid {}) {}{}{} after {}{}{}", number(index), dead.pid,
                  describe_exit(wait_status), dead.step ? " at " : "",
                  dead.step ? name(*dead.step) : "", describe_duration(Clock::now() - dead.started),
                  running.empty() ? "" : ", while serving ", describe_requests(running)));
}

void Master::abandon_start() {
  exit_code_ = support::exit_code::kStart;
  reporter_.report(Level::error, "the start is given up");
  stop();
}

void Master::stop() {
  enter_stopping();
  for (Worker& worker : workers_) {
    perform(worker, worker.slot.retire(Clock::now(), options_.graceful_timeout));
  }
}

void Master::stop_at_once() {
  enter_stopping();
  for (Worker& worker : workers_) perform(worker, worker.slot.retire_at_once());
}

void Master::enter_stopping() {
  if (std::exchange(phase_, Phase::stopping) == Phase::stopping) return;
  if (hooks_.on_stopping) hooks_.on_stopping();
}

}  // namespace appd::supervisor
