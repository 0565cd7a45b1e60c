// Sends orders to a slot's process, again later if its link is full.

#include "runtime/supervisor/slot.hpp"

#include <fmt/format.h>

namespace appd::supervisor {
namespace {

constexpr std::chrono::milliseconds kResendPause{50};

}  // namespace

void Process::order(ipc::MasterOrder what, Clock::time_point now) noexcept {
  owed.order.reset();
  // Without a link the process is ending already, and its slot has a deadline for that.
  if (link.fd() < 0 || link.send(what)) return;
  owed.order = what;
  owed.due = now + kResendPause;
}

void Process::order_reopen(const gateway::LogStreams& logs, Clock::time_point now) noexcept {
  owed.reopen_logs = link.fd() >= 0 && !link.send_reopen(logs);
  if (owed.reopen_logs) owed.due = now + kResendPause;
}

std::string title(const Slot& slot) {
  if (!slot.process || !slot.process->pid) return slot.name;
  return fmt::format("{} (pid {})", slot.name, *slot.process->pid);
}

}  // namespace appd::supervisor
