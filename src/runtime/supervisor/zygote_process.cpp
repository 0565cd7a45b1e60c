// Sends orders to fork and takes in the zygote's replies.

#include "runtime/supervisor/zygote_process.hpp"

#include <cassert>
#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {

bool ZygoteProcess::can_fork() const noexcept {
  return slot_.life.state() == SlotState::ready && !ordered_;
}

void ZygoteProcess::order_fork(unsigned index, const ipc::WorkerLink& worker_end) {
  assert(can_fork());
  if (!slot_.process->link.send_fork(index, worker_end)) {
    support::throw_errno("sendmsg", "to the zygote");
  }
  ordered_ = index;
  ordered_since_ = Clock::now();
}

std::optional<unsigned> ZygoteProcess::on_reply() noexcept {
  return std::exchange(ordered_, std::nullopt);
}

}  // namespace appd::supervisor
