// Calls connections back that wait for a deadline or for the kernel's memory.

#include "runtime/net/waiting_connections.hpp"

#include <utility>

#include "runtime/support/heaps.hpp"

namespace appd::net {

WaitingConnections::WaitingConnections(EventLoop& loop, OutgoingMemory& memory)
    : loop_(loop),
      memory_(memory),
      watch_timer_(loop, [this] { check_deadlines(); }),
      retry_timer_(loop, [this] { try_again(); }),
      trim_timer_(loop, [] { support::release_free_heap_pages(); }) {}

void WaitingConnections::watch(std::shared_ptr<Waiting> connection) {
  watched_.push_back(std::move(connection));
  if (!watch_timer_.armed()) watch_timer_.expire_after(kWatchInterval);
}

void WaitingConnections::try_again_later(std::shared_ptr<Waiting> connection) {
  starved_.push_back(std::move(connection));
  if (!retry_timer_.armed()) retry_timer_.expire_after(kMemoryPause);
}

void WaitingConnections::stop() {
  watched_.clear();
  starved_.clear();
  watch_timer_.cancel();
  retry_timer_.cancel();
  trim_timer_.cancel();
}

void WaitingConnections::check_deadlines() {
  std::vector<std::shared_ptr<Waiting>> watched = std::exchange(watched_, {});
  for (auto& connection : watched) {
    if (connection->check_deadline(loop_.running_now())) {
      watched_.push_back(std::move(connection));
    }
  }
  // A connection whose front is slow to take a response is watched, so this is still called after
  // the last of them.
  if (memory_.take_ebb()) trim_timer_.expire_after(kTrimPause);
  if (!watched_.empty()) watch_timer_.expire_after(kWatchInterval);
}

void WaitingConnections::try_again() {
  for (const auto& each : std::exchange(starved_, {})) each->try_again();
}

}  // namespace appd::net
