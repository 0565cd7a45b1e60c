// Who leads the event loop, in one atomic word.
#pragma once

#include <atomic>
#include <cstdint>

namespace appd::pool {

/// Who leads the loop, in one word, so that a leader that ends a call and a watcher that takes the
/// loop from it cannot both believe that they have it.
///
///      | turn (47 bits) | away (1) | member (16) |
///
/// `away` means that the leader is inside a call, and that the lead may be taken from it. `turn`
/// makes each absence distinct. All operations are lock-free. A thread that gains the lead sees
/// what the one before did to the loop.
class Leadership {
 public:
  using Member = std::uint16_t;
  static constexpr Member kNobody = 0xffff;

  /// An absence that was seen.
  using Snapshot = std::uint64_t;

  bool is_leader(Member member) const noexcept {
    return owner(word_.load(std::memory_order_acquire)) == member;
  }
  bool vacant() const noexcept { return is_leader(kNobody); }
  Snapshot look() const noexcept { return word_.load(); }
  static bool away(Snapshot seen) noexcept { return (seen & kAway) != 0; }
  static Member owner(Snapshot seen) noexcept { return static_cast<Member>(seen & 0xffff); }

  /// Called by the leader while it is not away; or under the pool's lock while nobody leads.
  void give(Member to) noexcept {
    word_.store((turn(look()) + kTurn) | to, std::memory_order_release);
  }
  /// Called by the leader: it goes into a call. Sequentially consistent with `look`, so that a
  /// watcher that goes to sleep and a leader that goes away cannot miss each other.
  void leave_for_call(Member self) noexcept {
    word_.store((turn(word_.load(std::memory_order_relaxed)) + kTurn) | kAway | self);
  }
  /// Called by the thread that left for a call. False if the lead was taken meanwhile.
  bool return_from_call(Member self) noexcept {
    Snapshot seen = look();
    if (owner(seen) != self || !away(seen)) return false;
    return word_.compare_exchange_strong(seen, seen & ~kAway, std::memory_order_acq_rel);
  }
  /// Takes the lead from a leader that was seen away. False if it came back, or another thread took
  /// it. Any thread. Sequentially consistent with `look`, so that a leader that leaves something
  /// for the taker and the taker cannot miss each other.
  bool take(Snapshot seen, Member to) noexcept {
    return away(seen) && word_.compare_exchange_strong(seen, (turn(seen) + kTurn) | to);
  }

 private:
  static constexpr std::uint64_t kAway = 1u << 16;
  static constexpr std::uint64_t kTurn = 1u << 17;
  static std::uint64_t turn(Snapshot seen) noexcept { return seen & ~(kTurn - 1); }

  std::atomic<std::uint64_t> word_{kNobody};
};

}  // namespace appd::pool
