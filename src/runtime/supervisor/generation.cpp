// Starts, watches and ends the workers of one configuration; slot_lifecycle.cpp decides for each.

#include "runtime/supervisor/generation.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/own_child.hpp"
#include "runtime/supervisor/slot_status.hpp"

namespace appd::supervisor {

using gateway::LogEvent;
using ipc::MasterOrder;
using ipc::WorkerLink;

namespace {

SlotLifecycle::Found found(const UpgradeState::Worker& worker) noexcept {
  if (worker.exiting) return SlotLifecycle::Found::exiting;
  if (worker.retired) return SlotLifecycle::Found::retired;
  return worker.ready ? SlotLifecycle::Found::ready : SlotLifecycle::Found::starting;
}

}  // namespace

Generation::Generation(unsigned number, std::unique_ptr<Deployment> deployment,
                       gateway::Reporter& reporter, ForkHandler& fork_handler)
    : number_(number),
      deployment_(std::move(deployment)),
      plan_(deployment_->plan()),
      scoreboard_(deployment_->scoreboard()),
      reporter_(reporter),
      workers_(scoreboard_.workers()),
      upkeep_(plan_, scoreboard_, workers_, reporter_),
      launcher_(*deployment_, reporter_, fork_handler, zygote_) {
  if (plan_.origin == Origin::zygote) {
    Slot& zygote = zygote_.emplace().slot();
    zygote.life.want(Clock::now());
    slots_.push_back(&zygote);
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
  perform(worker, worker.life.retire(worker.retired_at, plan_.retired_limit), MasterOrder::retire);
}

void Generation::stop() {
  for (Slot& worker : workers_) {
    // Workers that were retired before have nobody left to hand connections over to.
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
  if (const auto now = Clock::now(); upkeep_.is_look_due(now)) check_workers(now);
}

void Generation::order_again(Slot& slot) {
  if (!slot.process || !slot.process->owed.any()) return;
  Process& process = *slot.process;
  const Clock::time_point now = Clock::now();
  if (now < process.owed.due) return;
  if (process.owed.reopen_logs) process.order_reopen(deployment_->logs(), now);
  if (process.owed.order) process.order(*process.owed.order, now);
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
  // The next program could give no order to a zygote that does not read its link.
  const bool zygote_hears =
      !zygote_ || !zygote_->slot().process || zygote_->slot().life.state() == SlotState::ready;
  if (!zygote_hears) return false;
  for (const Slot& worker : workers_) {
    if (!worker.process) continue;
    if (!worker.process->pid) return false;
    // Indexes are of one generation; here each worker of all generations gets its own.
    upgrade_state.workers.push_back(
        {static_cast<unsigned>(upgrade_state.workers.size()), *worker.process->pid,
         worker.process->link.fd(), worker.life.state() == SlotState::ready, !worker.life.wanted(),
         worker.process->exiting_since.has_value(), deployment_->inbox(*worker.index)});
  }
  return true;
}

std::string Generation::program() const {
  const auto known = std::find_if(slots_.begin(), slots_.end(), [](const Slot* slot) {
    return slot->process && !slot->process->program.empty();
  });
  return known == slots_.end() ? "" : (*known)->process->program;
}

/// The process tells where it is as it ends, and its end is the failure.
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
  reporter_.report(LogEvent::worker_killed,
                   fmt::format("killing {}{}", title(slot),
                               describe_work(slot, scoreboard_, ", still serving ")));
  // Without a pid it is killed at its first message, if there ever is one.
  if (slot.process->pid) signal_child(*slot.process->pid, SIGKILL);
}

/// How long it may take to end.
std::chrono::nanoseconds Generation::grace(const Slot& slot) const noexcept {
  if (slot.is_worker()) return plan_.graceful_timeout;
  return std::min<std::chrono::nanoseconds>(plan_.graceful_timeout, SlotLifecycle::kStartingGrace);
}

// -- State

std::string Generation::describe() const {
  std::string text;
  for (const Slot* slot : slots_) {
    if (slot->life.wanted() || slot->process) text += "\n  " + describe_status(*slot, scoreboard_);
  }
  // The scoreboard of another program's workers is not known here.
  if (serving_ && can_start_workers()) text += "\n  " + describe_queue(scoreboard_, plan_.queue);
  return text;
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
    if (slot->process && slot->process->owed.any()) consider(slot->process->owed.due);
  }
  consider(upkeep_.due());
  consider(workers_.ending_due(Clock::now(), plan_.graceful_timeout));
  return first;
}

// -- Looks

void Generation::check_workers(Clock::time_point now) {
  if (zygote_) check_zygote(now);
  if (in_office()) {
    if (Slot* const worker = upkeep_.find_superfluous(now)) retire(*worker);
  }
  for (Slot& worker : workers_) {
    if (!worker.process || !worker.process->pid) continue;
    if (const auto silence = upkeep_.monitor().silence(worker, now)) {
      on_silence(worker, *silence);
    } else if (upkeep_.monitor().is_to_be_asked(worker)) {
      worker.process->order(MasterOrder::retire, now);
    }
    if (in_office()) upkeep_.recycle_if_due(worker, now);
  }
}

void Generation::on_silence(Slot& worker, Clock::duration silence) {
  const std::string what = fmt::format("{} has given no sign of life for {} (--heartbeat)",
                                       title(worker), describe_duration(silence));
  reporter_.report(LogEvent::worker_unresponsive, what);
  if (worker.life.wanted()) fail(what);
  perform(worker, worker.life.give_up());
}

/// A zygote gives no sign by itself, but replies to an order to fork at once.
void Generation::check_zygote(Clock::time_point now) {
  const auto since = zygote_->ordered_since();
  if (plan_.heartbeat.count() == 0 || !since || now - *since < plan_.heartbeat) return;
  abort_zygote(fmt::format("has not forked for {} (--heartbeat)", describe_duration(now - *since)));
}

}  // namespace appd::supervisor
