// What a generation does when its processes speak, or end.

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "runtime/supervisor/death_report.hpp"
#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/generation.hpp"
#include "runtime/supervisor/own_child.hpp"
#include "runtime/support/lines.hpp"

namespace appd::supervisor {

using gateway::LogEvent;
using ipc::WorkerLink;
using ipc::WorkerMessage;

// -- Messages

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
  constexpr int kAtOnce = 16;  // one worker must not keep the master from the others
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

/// The master must not even close them: that may wait for their sender. See support/aside.hpp.
void Generation::on_descriptors(Slot& slot) {
  reporter_.report(
      LogEvent::worker_sent_descriptors,
      fmt::format("{} sent descriptors to its master, which appd never does; killing it",
                  title(slot)));
  slot.process->fault = "has sent descriptors to its master";
  perform(slot, slot.life.give_up());
  on_link_end(slot);
}

void Generation::on_link_end(Slot& slot) {
  slot.process->link.end();
  slot.life.on_link_lost(Clock::now(), grace(slot));
  if (slot.process->pid) return;
  // The worker was never born, or killed before its first message. The zygote may have told why.
  read_messages(zygote_->slot());
  if (slot.process) on_death(slot, std::nullopt);
}

void Generation::on_message(Slot& slot, const WorkerMessage& message) {
  if (!slot.process->pid && !on_first_message(slot, message.sender)) return;
  switch (message.kind) {
    case WorkerMessage::Kind::step:
      slot.process->step = message.step;
      return;
    case WorkerMessage::Kind::program:
      slot.process->program = message.text;
      return;
    case WorkerMessage::Kind::ready:
      return on_ready(slot);
    case WorkerMessage::Kind::overloaded:
      if (in_office()) upkeep_.on_overloaded(Clock::now());
      return;
    case WorkerMessage::Kind::retired:
      return on_retired(slot, message.text);
    case WorkerMessage::Kind::failed:
      return on_failed(slot, message);
    case WorkerMessage::Kind::stuck:
      return upkeep_.on_stuck(slot, message.text, Clock::now());
    case WorkerMessage::Kind::exiting:
      return on_exiting(slot, message.text);
    case WorkerMessage::Kind::forked:
    case WorkerMessage::Kind::not_forked:
      if (!slot.is_worker()) on_reply(message);
      return;
  }
}

/// A worker that the zygote has forked is the master's child. The master believes nobody else.
bool Generation::on_first_message(Slot& slot, pid_t sender) {
  const bool is_known = std::any_of(slots_.begin(), slots_.end(), [sender](const Slot* other) {
    return other->process && other->process->pid == sender;
  });
  if (is_known || !is_own_child(sender)) {
    reporter_.report(
        LogEvent::worker_impostor,
        fmt::format("process {} claims to be {}, but is {}; ignoring it", sender, slot.name,
                    is_known ? "another worker" : "not a child of this process"));
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
  upkeep_.monitor().on_ready(*slot.process, *slot.index, Clock::now());
  if (!serving_) return;
  order_to_serve(slot);
  if (Slot* const replaced = workers_.take_replaced_by(slot)) retire(*replaced);
}

/// If somebody has asked this worker alone to end, another is wanted in its place: at once, since
/// its requests may take long.
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
  // Broken code fails in every worker. The traceback is logged once.
  const bool counts = slot.life.wanted() && !failure_;
  const bool known = message.text == failure_told_;
  reporter_.report(counts ? LogEvent::worker_start_failed : LogEvent::worker_start_failed_again,
                   what + std::string(known ? support::first_line(message.text) : message.text));
  if (counts) failure_told_ = message.text;
  fail(what + message.text);
}

/// The zygote has replied to its order. A worker that it has forked speaks for itself.
void Generation::on_reply(const WorkerMessage& message) {
  const std::optional<unsigned> index = zygote_->on_reply();
  if (!index || message.kind == WorkerMessage::Kind::forked) return;
  Slot& worker = workers_.at(*index);
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

/// The first failure is the reason why the generation cannot take over.
void Generation::fail(std::string why) {
  if (!established_ && !failure_) failure_ = std::move(why);
}

// -- Ends

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

/// `wait_status` is std::nullopt if the process was never known.
ProcessEnd Generation::on_death(Slot& slot, std::optional<int> wait_status) {
  read_messages(slot);  // its last words
  const bool killed_by_us = slot.life.state() == SlotState::killed;
  const bool has_fault = !slot.process->fault.empty();
  const bool has_been_told = slot.process->failure_reported || (killed_by_us && !has_fault);
  // If it was asked to end, another is wanted in its place already.
  const bool was_asked = !slot.process->asked_by.empty();
  const bool was_wanted = slot.life.wanted() && !was_asked;
  const std::string what = describe_death(slot, wait_status);
  if (!has_been_told)
    reporter_.report(event_of_death(*slot.process, was_wanted, wait_status), what);
  if (was_wanted) fail(what);
  const Clock::time_point now = Clock::now();
  slot.life.on_death(now, was_asked || had_requests(slot, scoreboard_));
  forget_process(slot);
  report_backoff(slot, now);
  const bool unasked = !killed_by_us && !has_fault && wait_status.value_or(0) != 0;
  const bool crash = established_ && was_wanted && unasked;
  return crash ? ProcessEnd::crash : ProcessEnd::expected;
}

void Generation::forget_process(Slot& slot) {
  slot.process->link.end();
  slot.process.reset();
  if (slot.is_worker()) {
    scoreboard_.clear(*slot.index);  // the others must not count on it
    deployment_->recover(*slot.index);
    workers_.forget_replacement_of(*slot.index);
  } else {
    zygote_->on_death();
  }
}

void Generation::report_backoff(const Slot& slot, Clock::time_point now) {
  const auto due = established_ ? slot.life.due() : std::nullopt;
  if (!due || *due - now < RespawnBackoff::kFirstPause) return;
  reporter_.report(LogEvent::worker_backoff, fmt::format("{} keeps dying: next start in {}",
                                                         slot.name, describe_duration(*due - now)));
}

std::string Generation::describe_death(const Slot& dead, std::optional<int> wait_status) {
  const bool any = wait_status && !has_ended_as_asked(*dead.process, wait_status);
  const std::string findings = any ? deployment_->examine(dead.index, *wait_status) : "";
  return supervisor::describe_death(dead, wait_status, scoreboard_, findings, Clock::now());
}

}  // namespace appd::supervisor
