// Compares the loads of workers.

#include "runtime/peers/peer_policy.hpp"

#include <algorithm>

namespace appd::peers {

std::optional<unsigned> PeerPolicy::receiver() const noexcept {
  const auto workers = static_cast<unsigned>(loads_.size());
  for (unsigned i = 1; i < workers; ++i) {
    const unsigned peer = (index_ + i) % workers;
    if (loads_[peer].has_idle_thread(threads_)) return peer;
  }
  return std::nullopt;
}

std::optional<unsigned> PeerPolicy::neediest() const noexcept {
  const auto waiting = [](const ipc::WorkerLoad& load) {
    return load.waiting.load(std::memory_order_relaxed);
  };
  const auto most = std::max_element(
      loads_.begin(), loads_.end(),
      [&](const auto& one, const auto& other) { return waiting(one) < waiting(other); });
  if (waiting(*most) == 0 || most->open.load() == 0) return std::nullopt;
  return static_cast<unsigned>(most - loads_.begin());
}

}  // namespace appd::peers
