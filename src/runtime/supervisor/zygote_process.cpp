#include "runtime/supervisor/zygote_process.hpp"

#include <cassert>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {

bool ZygoteProcess::can_fork() const noexcept {
  return child_.slot.state() == SlotState::ready && !ordered_;
}

void ZygoteProcess::order_fork(unsigned index, const observe::WorkerLink& worker_end) {
  assert(can_fork());
  if (!child_.process->link.send_fork(index, worker_end)) {
    support::throw_errno("sendmsg", "to the zygote");
  }
  ordered_ = index;
  ordered_since_ = Clock::now();
}

std::optional<unsigned> ZygoteProcess::on_answer() noexcept {
  return std::exchange(ordered_, std::nullopt);
}

}  // namespace appd::supervisor
