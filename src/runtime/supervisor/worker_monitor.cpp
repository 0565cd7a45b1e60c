// Reads workers' heartbeats and use, and says which are silent. (systemd: service_manager.cpp.)

#include "runtime/supervisor/worker_monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

#include "runtime/support/memory_use.hpp"

namespace appd::supervisor {
namespace {

/// How often the master looks at how workers are used, while that matters.
constexpr std::chrono::milliseconds kUseInterval{250};
/// Memory is measured less often: the kernel walks over all pages for it.
constexpr std::chrono::seconds kMemoryInterval{5};
/// So many looks in --heartbeat.
constexpr int kLooksInHeartbeat = 4;

std::uint64_t random_to(std::uint64_t most) {
  static std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_int_distribution<std::uint64_t>(0, most)(engine);
}

}  // namespace

WorkerMonitor::WorkerMonitor(const GenerationPlan& plan, const ipc::Scoreboard& scoreboard) noexcept
    : plan_(plan), scoreboard_(scoreboard) {}

bool WorkerMonitor::is_needed() const noexcept {
  return plan_.recycling.any() || plan_.heartbeat.count() > 0 || plan_.scales();
}

Clock::duration WorkerMonitor::interval() const noexcept {
  if (plan_.recycling.any() || plan_.scales()) return kUseInterval;
  return std::chrono::duration_cast<Clock::duration>(plan_.heartbeat / kLooksInHeartbeat);
}

void WorkerMonitor::on_ready(Process& process, unsigned index, Clock::time_point now) const {
  process.usage.ready_since = now;
  process.usage.answered_before = scoreboard_.answered(index);
  process.usage.allowance = draw(plan_.recycling, random_to);
  if (plan_.recycling.any()) process.usage.memory = support::proportional_set_size(*process.pid);
}

std::optional<Clock::duration> WorkerMonitor::silence(const Slot& worker,
                                                      Clock::time_point now) const {
  if (plan_.heartbeat.count() == 0 || !owes_signs(worker)) return std::nullopt;
  const Clock::duration silent = now - last_sign(worker, now);
  return silent >= plan_.heartbeat ? std::optional(silent) : std::nullopt;
}

/// The scoreboard of another program's workers is not read here, but a retired one answers when it
/// gets that order again. After the order to stop it must not get it any more; it has a deadline.
bool WorkerMonitor::is_to_be_asked(const Slot& worker) const noexcept {
  return !plan_.can_start_workers() && worker.life.state() == SlotState::draining &&
         !worker.life.due();
}

bool WorkerMonitor::owes_signs(const Slot& worker) const noexcept {
  if (!plan_.can_start_workers()) return is_to_be_asked(worker);
  const SlotState state = worker.life.state();
  if (worker.process->exiting_since) return false;  // its loop has ended
  const bool was_ready = worker.process->usage.ready_since != Clock::time_point{};
  return was_ready && (state == SlotState::ready || state == SlotState::draining);
}

Clock::time_point WorkerMonitor::last_sign(const Slot& worker,
                                           Clock::time_point now) const noexcept {
  if (!plan_.can_start_workers()) return std::max(worker.retired_at, worker.process->heard_at);
  const std::int64_t alive =
      scoreboard_.loads()[*worker.index].alive.load(std::memory_order_relaxed);
  const std::chrono::nanoseconds seen(std::max<std::int64_t>(alive, 0));
  const auto sign = Clock::at(std::chrono::steady_clock::time_point(seen));
  return std::max(worker.process->usage.ready_since, std::min(sign, now));
}

std::optional<std::string> WorkerMonitor::recycling_reason(Slot& worker,
                                                           Clock::time_point now) const {
  if (!plan_.recycling.any()) return std::nullopt;
  Process& process = *worker.process;
  Usage usage{scoreboard_.answered(*worker.index) - process.usage.answered_before,
              now - process.usage.ready_since};
  if (plan_.recycling.memory > 0 && now >= process.usage.memory_due) {
    process.usage.memory_due = now + kMemoryInterval;
    usage.memory = support::proportional_set_size(*process.pid);
  }
  auto why = supervisor::recycling_reason(process.usage.allowance, usage);
  if (!why) return std::nullopt;
  const auto memory = usage.memory ? usage.memory : support::proportional_set_size(*process.pid);
  if (!memory || !process.usage.memory) return why;
  const std::string growth = describe_growth(*process.usage.memory, *memory, usage.requests);
  return growth.empty() ? *why : fmt::format("{}; its memory grew by {}", *why, growth);
}

Occupancy WorkerMonitor::occupancy(std::span<const Slot> workers) const noexcept {
  Occupancy seen{0, 0, plan_.threads, 0};
  for (const Slot& worker : workers) {
    if (worker.life.wanted()) ++seen.workers;
    if (worker.life.state() != SlotState::ready) continue;
    if (worker.life.wanted()) ++seen.ready;
    const ipc::WorkerLoad& load = scoreboard_.loads()[*worker.index];
    constexpr unsigned kMost = 1'000'000;  // so that no sum of them overflows
    seen.busy += load.busy(kMost);
  }
  return seen;
}

}  // namespace appd::supervisor
