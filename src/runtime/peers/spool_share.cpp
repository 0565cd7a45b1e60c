// Books spool bytes in the scoreboard.

#include "runtime/peers/spool_share.hpp"

namespace appd::peers {

// Adds before it looks. Of two workers that take the last room at the same time perhaps neither
// gets it, but never both.
bool SpoolShare::try_take(std::uint64_t bytes) noexcept {
  own_.fetch_add(bytes);
  std::uint64_t room = limit_;
  for (const ipc::WorkerLoad& load : loads_) {
    const std::uint64_t taken = load.spooled.load();
    if (taken > room) {
      own_.fetch_sub(bytes);
      return false;
    }
    room -= taken;
  }
  return true;
}

void SpoolShare::give_back(std::uint64_t bytes) noexcept {
  own_.fetch_sub(bytes);
}

}  // namespace appd::peers
