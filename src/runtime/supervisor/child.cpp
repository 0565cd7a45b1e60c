#include "runtime/supervisor/child.hpp"

#include <fmt/format.h>

namespace appd::supervisor {
namespace {

constexpr std::chrono::milliseconds kResendPause{50};

}  // namespace

void ChildProcess::order(observe::MasterOrder what, Clock::time_point now) noexcept {
  unsent.reset();
  // Without a link it ends already, and its slot has a deadline for that.
  if (link.fd() < 0 || link.send(what)) return;
  unsent = what;
  resend_due = now + kResendPause;
}

void ChildProcess::order_reopen(const gateway::LogStreams& logs, Clock::time_point now) noexcept {
  logs_unsent = link.fd() >= 0 && !link.send_reopen(logs);
  if (logs_unsent) resend_due = now + kResendPause;
}

std::string title(const Child& child) {
  if (!child.process || !child.process->pid) return child.name;
  return fmt::format("{} (pid {})", child.name, *child.process->pid);
}

}  // namespace appd::supervisor
