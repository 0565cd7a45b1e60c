// Starts, watches and ends the workers of one configuration.

#include "runtime/supervisor/generation.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/exit_threads.hpp"
#include "runtime/supervisor/own_child.hpp"

namespace appd::supervisor {

using gateway::LogEvent;
using ipc::MasterOrder;
using ipc::WorkerLink;
using ipc::WorkerMessage;

namespace {

/// It serves, or is wanted; not so: it ends, or has ended.
bool goes_on(const Slot& worker) noexcept {
  return worker.life.wanted() || worker.life.state() == SlotState::ready;
}

SlotLifecycle::Found found(const UpgradeState::Worker& worker) noexcept {
  if (worker.exiting) return SlotLifecycle::Found::exiting;
  if (worker.retired) return SlotLifecycle::Found::retired;
  return worker.ready ? SlotLifecycle::Found::ready : SlotLifecycle::Found::starting;
}

/// In order, by whoever has asked it alone.
bool has_ended_as_asked(const Process& process, std::optional<int> wait_status) noexcept {
  return !process.asked_by.empty() && process.fault.empty() && wait_status == 0;
}

/// `wait_status`: std::nullopt if it was never forked.
LogEvent event_of_death(bool was_wanted, std::optional<int> wait_status) {
  // Code 0 while serving: the application has ended the process.
  if (was_wanted) return wait_status == 0 ? LogEvent::worker_exited : LogEvent::worker_died;
  if (wait_status.value_or(0) == 0) return LogEvent::worker_stopped;
  const bool asked = WIFEXITED(*wait_status) || WTERMSIG(*wait_status) == SIGTERM ||
                     WTERMSIG(*wait_status) == SIGINT;
  return asked ? LogEvent::worker_exited : LogEvent::worker_died;
}

}  // namespace

Generation::Generation(unsigned number, std::unique_ptr<Deployment> deployment,
                       gateway::Reporter& reporter, ForkHandler& fork_handler)
    : number_(number),
      deployment_(std::move(deployment)),
      plan_(deployment_->plan()),
      scoreboard_(deployment_->scoreboard()),
      reporter_(reporter),
      monitor_(plan_, scoreboard_),
      scaling_({plan_.workers, plan_.most_workers, plan_.scale_down_idle}),
      launcher_(*deployment_, reporter_, fork_handler, zygote_) {
  if (plan_.origin == Origin::zygote) {
    Slot& zygote = zygote_.emplace().slot();
    zygote.life.want(Clock::now());
    slots_.push_back(&zygote);
  }
  for (unsigned index = 0; index < scoreboard_.workers(); ++index) {
    workers_.push_back({fmt::format("worker {}", index + 1), index});
  }
  for (Slot& worker : workers_) slots_.push_back(&worker);
}

Generation::Generation(unsigned number, std::unique_ptr<Deployment> deployment,
                       gateway::Reporter& reporter, ForkHandler& fork_handler,
                       std::span<const UpgradeState::Worker> workers)
    : Generation(number, std::move(deployment), reporter, fork_handler) {
  serving_ = true;
  established_ = true;
  const Clock::time_point now = Clock::now();
  for (const UpgradeState::Worker& each : workers) {
    Slot& worker = workers_.at(each.index);
    worker.process = Process{each.pid, WorkerLink(support::UniqueFd(each.link)), now, {}};
    worker.process->accepting = each.ready;
    worker.retired_at = now;
    if (each.exiting) worker.process->exiting_since = now;
    worker.life.adopt(now, found(each), each.exiting ? plan_.exit_limit() : plan_.start_limit());
  }
}

Generation::~Generation() {
  for (const Slot* slot : slots_) {
    if (!slot->process || !slot->process->pid) continue;
    signal_child(*slot->process->pid, SIGKILL);
    while (::waitpid(*slot->process->pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

// -- Orders
// -----------------------------------------------------------------------------------------

void Generation::grow(unsigned workers) {
  // Places that are free, then those whose last worker is still ending.
  for (const bool free : {true, false}) {
    for (Slot& worker : workers_) {
      if (workers == 0) return;
      if (worker.life.wanted() || (free && worker.process)) continue;
      worker.life.want(Clock::now());
      --workers;
    }
  }
}

void Generation::serve() {
  serving_ = true;
  for (Slot& worker : workers_) {
    if (worker.life.state() == SlotState::ready && !worker.process->accepting)
      order_to_serve(worker);
  }
}

void Generation::order_to_serve(Slot& worker) {
  worker.process->order(MasterOrder::serve, Clock::now());
  worker.process->accepting = true;
}

void Generation::retire(unsigned workers) {
  for (Slot& worker : workers_) {
    if (workers == 0) break;
    if (!goes_on(worker)) continue;
    retire(worker);
    --workers;
  }
  if (going_on() == 0) retire_zygote();
}

void Generation::retire(Slot& worker) {
  worker.retired_at = Clock::now();
  worker.replaces.reset();
  perform(worker, worker.life.retire(worker.retired_at, std::nullopt), MasterOrder::retire);
}

void Generation::stop() {
  for (Slot& worker : workers_) {
    // Those that were retired before have nobody any more to leave anything to.
    const bool was_retired = worker.life.state() == SlotState::draining && worker.process;
    perform(worker, worker.life.retire(Clock::now(), grace(worker)));
    if (was_retired) worker.process->order(MasterOrder::drain, Clock::now());
  }
  retire_zygote();
}

void Generation::stop_at_once() {
  for (Slot* slot : slots_) perform(*slot, slot->life.retire_at_once());
}

void Generation::retire_zygote() {
  if (!zygote_) return;
  Slot& zygote = zygote_->slot();
  perform(zygote, zygote.life.retire(Clock::now(), grace(zygote)));
}

void Generation::tick() {
  for (Slot* slot : slots_) {
    perform(*slot, slot->life.on_tick(Clock::now(), launcher_.can_start(*slot)));
    order_again(*slot);
  }
  if (const auto now = Clock::now(); monitor_.is_needed() && now >= monitor_due_) inspect(now);
}

void Generation::order_again(Slot& slot) {
  if (!slot.process || !slot.process->owes_orders()) return;
  const Clock::time_point now = Clock::now();
  if (now < slot.process->resend_due) return;
  if (slot.process->logs_unsent) slot.process->order_reopen(deployment_->logs(), now);
  if (slot.process->unsent) slot.process->order(*slot.process->unsent, now);
}

void Generation::reopen_logs() {
  deployment_->reopen_logs();
  for (Slot* slot : slots_) {
    if (slot->process) slot->process->order_reopen(deployment_->logs(), Clock::now());
  }
}

void Generation::perform(Slot& slot, SlotAction action, MasterOrder end) {
  switch (action) {
    case SlotAction::none:
      return;
    case SlotAction::start:
      return start(slot);
    case SlotAction::order_drain:
      return slot.process->order(end, Clock::now());
    case SlotAction::abort_start:
      return abort_start(slot);
    case SlotAction::abort_exit:
      return abort_exit(slot);
    case SlotAction::kill:
      return kill(slot);
  }
}

void Generation::start(Slot& slot) {
  try {
    launcher_.start(slot);
    slot.life.on_started(Clock::now(), plan_.start_limit());
  } catch (const std::system_error& error) {
    on_start_failed(slot, error.what());
  }
}

bool Generation::export_to(UpgradeState& upgrade_state) const {
  // A zygote that does not hear its link would be nobody's.
  const bool zygote_hears =
      !zygote_ || !zygote_->slot().process || zygote_->slot().life.state() == SlotState::ready;
  if (!zygote_hears) return false;
  for (const Slot& worker : workers_) {
    if (!worker.process) continue;
    if (!worker.process->pid) return false;
    // Places of several generations: each has one of its own from now on.
    upgrade_state.workers.push_back(
        {static_cast<unsigned>(upgrade_state.workers.size()), *worker.process->pid,
         worker.process->link.fd(), worker.life.state() == SlotState::ready, !worker.life.wanted(),
         worker.process->exiting_since.has_value(), deployment_->inbox(*worker.index)});
  }
  return true;
}

void Generation::close_links() noexcept {
  for (Slot* slot : slots_) {
    if (slot->process) slot->process->link.close();
  }
}

/// Its end tells where it was, and is what has failed.
void Generation::abort_start(Slot& slot) {
  if (slot.process->fault.empty()) {
    slot.process->fault = fmt::format("was not ready within {} (--start-timeout)",
                                      describe_duration(plan_.start_timeout));
  }
  if (slot.process->pid) {
    signal_child(*slot.process->pid, SIGABRT);
  } else {
    abort_zygote(fmt::format("has not forked {} within {} (--start-timeout)", slot.name,
                             describe_duration(plan_.start_timeout)));
  }
}

void Generation::abort_exit(Slot& worker) {
  const Clock::duration exiting = Clock::now() - *worker.process->exiting_since;
  worker.process->fault =
      plan_.exit_limit() && exiting >= plan_.exit_timeout
          ? fmt::format("has not ended within {} after its last request (--exit-timeout)",
                        describe_duration(plan_.exit_timeout))
          : fmt::format("has not ended within {} of the order to stop (--graceful-timeout)",
                        describe_duration(plan_.graceful_timeout));
  signal_child(*worker.process->pid, SIGABRT);
}

void Generation::abort_zygote(std::string fault) {
  Slot& zygote = zygote_->slot();
  const SlotAction action = zygote.life.abort(Clock::now());
  if (action == SlotAction::none) return;  // it ends already, or has ended
  zygote.process->fault = std::move(fault);
  perform(zygote, action);
}

void Generation::kill(const Slot& slot) {
  reporter_.report(LogEvent::worker_killed, fmt::format("killing {}{}", title(slot),
                                                        describe_work(slot, ", still serving ")));
  // Otherwise at its first message, or there will never be one.
  if (slot.process->pid) signal_child(*slot.process->pid, SIGKILL);
}

/// How long it may take to end.
std::chrono::nanoseconds Generation::grace(const Slot& slot) const noexcept {
  if (slot.is_worker()) return plan_.graceful_timeout;
  return std::min<std::chrono::nanoseconds>(plan_.graceful_timeout, SlotLifecycle::kStartingGrace);
}

// -- State
// ------------------------------------------------------------------------------------------

unsigned Generation::wanted() const noexcept {
  return static_cast<unsigned>(std::count_if(
      workers_.begin(), workers_.end(), [](const Slot& worker) { return worker.life.wanted(); }));
}

unsigned Generation::ready() const noexcept {
  return static_cast<unsigned>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const Slot& worker) { return worker.life.state() == SlotState::ready; }));
}

unsigned Generation::going_on() const noexcept {
  return static_cast<unsigned>(std::count_if(workers_.begin(), workers_.end(), goes_on));
}

bool Generation::any_accepting() const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [](const Slot& worker) {
    return worker.process && worker.process->accepting;
  });
}

bool Generation::any_ending() const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [this](const Slot& worker) {
    return worker.process && !worker.life.wanted() &&
           Clock::now() < worker.retired_at + plan_.graceful_timeout;
  });
}

std::string Generation::describe() const {
  std::string text;
  for (const Slot* slot : slots_) {
    if (!slot->life.wanted() && !slot->process) continue;
    text += fmt::format("\n  {}: {}{}", title(*slot), name(slot->life.state()),
                        describe_work(*slot, ", serving "));
    if (!slot->is_worker()) continue;
    text += fmt::format(", {} requests answered", scoreboard_.answered(*slot->index));
    const auto lost = scoreboard_.lost(*slot->index);
    if (lost > 0) text += fmt::format(" ({} when the front had gone away)", lost);
  }
  return text + describe_queue();
}

/// Workers of another program have a scoreboard that is not known here.
std::string Generation::describe_queue() const {
  if (!serving_ || !can_start_workers()) return "";
  const ipc::WaitingRequests waiting = scoreboard_.waiting();
  const std::string oldest =
      waiting.count == 0 ? "" : ", the oldest for " + describe_duration(waiting.oldest);
  return fmt::format("\n  queue: {} (of at most {} in each worker){}", waiting.count, plan_.queue,
                     oldest);
}

bool Generation::finished() const noexcept {
  return std::all_of(slots_.begin(), slots_.end(),
                     [](const Slot* slot) { return slot->life.state() == SlotState::retired; });
}

std::optional<Clock::time_point> Generation::due() const {
  std::optional<Clock::time_point> first;
  const auto consider = [&first](std::optional<Clock::time_point> when) {
    if (when && (!first || *when < *first)) first = when;
  };
  for (const Slot* slot : slots_) {
    consider(slot->life.due(launcher_.can_start(*slot)));
    if (slot->process && slot->process->owes_orders()) consider(slot->process->resend_due);
  }
  if (monitor_.is_needed()) consider(monitor_due_);
  for (const Slot& worker : workers_) {
    const Clock::time_point overdue = worker.retired_at + plan_.graceful_timeout;
    if (worker.process && !worker.life.wanted() && Clock::now() < overdue) consider(overdue);
  }
  return first;
}

// -- WorkerMonitor
// -------------------------------------------------------------------------------------

void Generation::inspect(Clock::time_point now) {
  monitor_due_ = now + monitor_.interval();
  if (zygote_) check_zygote(now);
  if (in_office() && plan_.scales()) scale_down(now);
  for (Slot& worker : workers_) {
    if (!worker.process || !worker.process->pid) continue;
    if (const auto silence = monitor_.silence(worker, now)) {
      on_silence(worker, *silence);
    } else if (monitor_.is_to_be_asked(worker)) {
      worker.process->order(MasterOrder::retire, now);
    }
    recycle_if_due(worker, now);
  }
}

void Generation::on_silence(Slot& worker, Clock::duration silence) {
  const std::string what = fmt::format("{} has given no sign of life for {} (--heartbeat)",
                                       title(worker), describe_duration(silence));
  reporter_.report(LogEvent::worker_unresponsive, what);
  if (worker.life.wanted()) fail(what);
  perform(worker, worker.life.give_up());
}

/// It gives no sign by itself; but an order to fork is answered at once.
void Generation::check_zygote(Clock::time_point now) {
  const auto since = zygote_->ordered_since();
  if (plan_.heartbeat.count() == 0 || !since || now - *since < plan_.heartbeat) return;
  abort_zygote(fmt::format("has not forked for {} (--heartbeat)", describe_duration(now - *since)));
}

void Generation::recycle_if_due(Slot& worker, Clock::time_point now) {
  const unsigned most = std::max(wanted() / 4, 1u);
  if (!in_office() || worker.life.state() != SlotState::ready || !worker.life.wanted() ||
      being_replaced() >= most)
    return;
  if (const auto why = monitor_.recycling_reason(worker, now)) replace(worker, *why);
}

/// The worker goes on until another is ready.
void Generation::replace(Slot& worker, const std::string& why) {
  Slot* const other = find_free_place();
  if (!other) return;  // it goes on, and is looked at again
  reporter_.report(LogEvent::worker_recycled,
                   fmt::format("{} is to be replaced: {}", title(worker), why));
  worker.life.release();
  other->life.want(Clock::now());
  other->replaces = worker.index;
}

/// It drains by itself, and ends when its other requests have.
void Generation::on_stuck(Slot& worker, const std::string& what) {
  reporter_.report(LogEvent::worker_stuck, fmt::format("{} is stuck: {}", title(worker), what));
  Slot* const other = can_start_workers() && worker.life.wanted() ? find_free_place() : nullptr;
  if (!other) return;  // then one is started in its place, after its end
  worker.life.release();
  other->life.want(Clock::now());
}

Slot* Generation::find_free_place() noexcept {
  const auto free = std::find_if(workers_.begin(), workers_.end(), [](const Slot& worker) {
    return !worker.life.wanted() && !worker.process;
  });
  return free == workers_.end() ? nullptr : &*free;
}

void Generation::let_replaced_go(Slot& replacement) {
  if (!replacement.replaces) return;
  Slot& worker = workers_.at(*std::exchange(replacement.replaces, std::nullopt));
  if (worker.process && !worker.life.wanted()) retire(worker);
}

void Generation::on_overloaded() {
  if (!in_office() || !scaling_.on_overloaded(Clock::now(), monitor_.occupancy(workers_))) return;
  grow(1);
  reporter_.report(LogEvent::scaling_up,
                   fmt::format("requests wait: one more worker starts ({} of at most {})", wanted(),
                               plan_.most_workers));
}

void Generation::scale_down(Clock::time_point now) {
  if (!scaling_.on_look(now, monitor_.occupancy(workers_))) return;
  // The last one, as the first ones were there before.
  const auto last = std::find_if(workers_.rbegin(), workers_.rend(), [](const Slot& worker) {
    return worker.life.wanted() && worker.life.state() == SlotState::ready;
  });
  if (last == workers_.rend()) return;
  retire(*last);
  reporter_.report(LogEvent::scaling_down,
                   fmt::format("{} ends: one fewer is enough ({} of at least {})", title(*last),
                               wanted(), plan_.workers));
}

unsigned Generation::being_replaced() const noexcept {
  return static_cast<unsigned>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const Slot& worker) { return worker.replaces.has_value(); }));
}

// -- Messages
// ---------------------------------------------------------------------------------------

void Generation::add_polled(std::vector<pollfd>& polled) const {
  for (const Slot* slot : slots_) {
    polled.push_back({slot->process ? slot->process->link.fd() : -1, POLLIN, 0});
  }
}

void Generation::read(std::span<const pollfd> polled) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (polled[i].revents != 0) read_messages(*slots_[i]);
  }
}

void Generation::read_messages(Slot& slot) {
  constexpr int kAtOnce = 16;  // a worker gone mad must not keep the master from the others
  for (int i = 0; i < kAtOnce && slot.process && slot.process->link.fd() >= 0; ++i) {
    const auto [got, message] = slot.process->link.receive_message();
    if (got == WorkerLink::Got::nothing) return;
    if (got == WorkerLink::Got::message) {
      on_message(slot, message);
    } else if (got == WorkerLink::Got::descriptors) {
      on_descriptors(slot);
    } else {
      on_link_end(slot);
    }
  }
}

/// To look at them is all that can be done without waiting for whoever sent them.
void Generation::on_descriptors(Slot& slot) {
  reporter_.report(LogEvent::worker_sent_descriptors,
                   fmt::format("{} has sent descriptors to its master, which appd "
                               "never does: it is killed",
                               title(slot)));
  slot.process->fault = "has sent descriptors to its master";
  perform(slot, slot.life.give_up());
  on_link_end(slot);
}

void Generation::on_link_end(Slot& slot) {
  slot.process->link.end();
  slot.life.on_link_lost(Clock::now(), grace(slot));
  if (slot.process->pid) return;
  // It was never born, or killed before its first word. The zygote may have told why.
  read_messages(zygote_->slot());
  if (slot.process) on_death(slot, std::nullopt);
}

void Generation::on_message(Slot& slot, const WorkerMessage& message) {
  if (!slot.process->pid && !on_first_message(slot, message.sender)) return;
  switch (message.kind) {
    case WorkerMessage::Kind::step:
      slot.process->step = message.step;
      return;
    case WorkerMessage::Kind::ready:
      return on_ready(slot);
    case WorkerMessage::Kind::overloaded:
      return on_overloaded();
    case WorkerMessage::Kind::retired:
      return on_retired(slot, message.text);
    case WorkerMessage::Kind::failed:
      return on_failed(slot, message);
    case WorkerMessage::Kind::stuck:
      return on_stuck(slot, message.text);
    case WorkerMessage::Kind::exiting:
      return on_exiting(slot, message.text);
    case WorkerMessage::Kind::forked:
    case WorkerMessage::Kind::not_forked:
      if (!slot.is_worker()) on_reply(message);
      return;
  }
}

/// The zygote has forked it; so it is the master's own child, and nobody else is believed to be it.
bool Generation::on_first_message(Slot& slot, pid_t sender) {
  const bool is_known = std::any_of(slots_.begin(), slots_.end(), [sender](const Slot* other) {
    return other->process && other->process->pid == sender;
  });
  if (is_known || !is_own_child(sender)) {
    reporter_.report(
        LogEvent::worker_impostor,
        fmt::format("process {} says that it is {}, and is {}: it is not "
                    "listened to",
                    sender, slot.name, is_known ? "another" : "no child of this process"));
    on_link_end(slot);
    return false;
  }
  slot.process->pid = sender;
  reporter_.report(LogEvent::worker_started, fmt::format("{} started (pid {})", slot.name, sender));
  if (slot.life.state() == SlotState::killed) signal_child(sender, SIGKILL);
  return true;
}

void Generation::on_ready(Slot& slot) {
  slot.life.on_ready(Clock::now());
  slot.process->step.reset();
  failure_told_.clear();
  reporter_.report(established_ ? LogEvent::worker_ready : LogEvent::worker_prepared,
                   fmt::format("{} is ready", title(slot)));
  if (!slot.is_worker() || slot.life.state() != SlotState::ready) return;
  monitor_.on_ready(*slot.process, *slot.index, Clock::now());
  if (!serving_) return;
  order_to_serve(slot);
  let_replaced_go(slot);
}

/// Whoever has asked it alone wants another in its place: at once, since its requests may take
/// long.
void Generation::on_retired(Slot& worker, const std::string& signal) {
  worker.process->accepting = false;
  worker.process->heard_at = Clock::now();
  if (signal.empty() || !worker.life.wanted()) return;
  worker.process->asked_by = signal;
  retire(worker);
  grow(1);
}

void Generation::on_exiting(Slot& worker, const std::string& threads) {
  worker.process->exiting_since = Clock::now();
  worker.process->exit_threads = threads;
  worker.life.on_exiting(*worker.process->exiting_since, plan_.exit_limit());
}

void Generation::on_failed(Slot& slot, const WorkerMessage& message) {
  slot.process->failure_reported = true;
  const std::string what = fmt::format("{} failed at {}: ", slot.name, name(message.step));
  // Broken code fails in every worker: once is enough to say it, and where.
  const bool counts = slot.life.wanted() && !failure_;
  const bool known = message.text == failure_told_;
  reporter_.report(counts ? LogEvent::worker_start_failed : LogEvent::worker_start_failed_again,
                   what + (known ? first_line(message.text) : message.text));
  if (counts) failure_told_ = message.text;
  fail(what + message.text);
}

/// The zygote's, to its order. What it has forked speaks for itself.
void Generation::on_reply(const WorkerMessage& message) {
  const std::optional<unsigned> index = zygote_->on_reply();
  if (!index || message.kind == WorkerMessage::Kind::forked) return;
  Slot& worker = workers_[*index];
  if (!worker.process || worker.process->pid) return;
  worker.process->link.end();
  worker.process.reset();
  on_start_failed(worker, message.text);
}

void Generation::on_start_failed(Slot& slot, std::string_view why) {
  const std::string what = fmt::format("{} cannot be started: {}", slot.name, why);
  reporter_.report(LogEvent::worker_not_forked, what);
  slot.life.on_death(Clock::now());
  fail(what);
}

/// The first failure is the reason; those of workers that are told to end are none.
void Generation::fail(std::string why) {
  if (!established_ && !failure_) failure_ = std::move(why);
}

// -- Ends
// -------------------------------------------------------------------------------------------

void Generation::meet() {
  for (Slot* slot : slots_) {
    if (slot->process && !slot->process->pid) read_messages(*slot);
  }
}

ProcessEnd Generation::on_exit(pid_t pid, int wait_status) {
  const auto found = std::find_if(slots_.begin(), slots_.end(), [pid](const Slot* slot) {
    return slot->process && slot->process->pid == pid;
  });
  return found == slots_.end() ? ProcessEnd::foreign : on_death(**found, wait_status);
}

/// `wait_status`: none when it was never known which process it would be.
ProcessEnd Generation::on_death(Slot& slot, std::optional<int> wait_status) {
  read_messages(slot);  // its last words
  const bool killed_by_us = slot.life.state() == SlotState::killed;
  const bool has_fault = !slot.process->fault.empty();
  const bool has_been_told = slot.process->failure_reported || (killed_by_us && !has_fault);
  // Another may be wanted in its place already.
  const bool was_asked = !slot.process->asked_by.empty();
  const bool was_wanted = slot.life.wanted() && !was_asked;
  const std::string what = describe_death(slot, wait_status);
  if (!has_been_told) {
    reporter_.report(has_ended_as_asked(*slot.process, wait_status)
                         ? LogEvent::worker_asked_to_end
                         : event_of_death(was_wanted, wait_status),
                     what);
  }
  if (was_wanted) fail(what);
  const Clock::time_point now = Clock::now();
  slot.life.on_death(now, was_asked || had_requests(slot));
  slot.process->link.end();
  slot.process.reset();
  if (slot.is_worker()) {
    scoreboard_.clear(*slot.index);  // the others must not count on it
    deployment_->recover(*slot.index);
    for (Slot& other : workers_) {
      if (other.replaces == slot.index) other.replaces.reset();
    }
  } else {
    zygote_->on_death();
  }

  const auto due = established_ ? slot.life.due() : std::nullopt;
  if (due && *due - now >= RespawnBackoff::kFirstPause) {
    reporter_.report(
        LogEvent::worker_backoff,
        fmt::format("{} keeps dying: next start in {}", slot.name, describe_duration(*due - now)));
  }
  const bool unasked = !killed_by_us && !has_fault && wait_status.value_or(0) != 0;
  const bool crash = established_ && was_wanted && unasked;
  return crash ? ProcessEnd::crash : ProcessEnd::expected;
}

/// It has answered requests, or died in one: what serves has been started well.
bool Generation::had_requests(const Slot& dead) const {
  return dead.is_worker() && (scoreboard_.answered(*dead.index) > dead.process->answered_before ||
                              !scoreboard_.running(*dead.index).empty());
}

std::string Generation::describe_death(const Slot& dead, std::optional<int> wait_status) const {
  const Process& process = *dead.process;
  if (has_ended_as_asked(process, wait_status)) {
    return fmt::format("{} was asked to end by {} and has ended after {}", title(dead),
                       process.asked_by, describe_duration(Clock::now() - process.started));
  }
  const auto& step = process.step;
  const std::string findings = wait_status ? deployment_->examine(dead.index, *wait_status) : "";
  const bool overdue = process.exiting_since && !process.fault.empty();
  return fmt::format(
      "{} {}{}{}{}{} after {}{}{}{}", title(dead), process.fault,
      process.fault.empty() ? "" : " and ",
      wait_status ? describe_exit(*wait_status) : "was not forked", step ? " at " : "",
      step ? name(*step) : "", describe_duration(Clock::now() - process.started),
      describe_work(dead, ", while serving "),
      overdue ? describe_exit_threads(process.exit_threads, findings) : "", findings);
}

/// What it is serving, after the introduction; "" for nothing.
std::string Generation::describe_work(const Slot& slot, std::string_view introduction) const {
  if (!slot.is_worker()) return "";
  const auto running = scoreboard_.running(*slot.index);
  return running.empty() ? "" : fmt::format("{}{}", introduction, describe_requests(running));
}

}  // namespace appd::supervisor
