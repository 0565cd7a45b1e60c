// The slots of a generation's workers: which are wanted, and which replaces which.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/slot.hpp"

namespace appd::supervisor {

/// It serves or is wanted, so it does not end.
bool goes_on(const Slot& worker) noexcept;

/// All slots for workers of one generation, by their index. Decides which of them an order is for,
/// and touches no process. A slot is free if no worker is wanted there and none is left.
class WorkerSlots {
 public:
  explicit WorkerSlots(unsigned places);

  auto begin() noexcept { return slots_.begin(); }
  auto end() noexcept { return slots_.end(); }
  auto begin() const noexcept { return slots_.begin(); }
  auto end() const noexcept { return slots_.end(); }
  Slot& at(unsigned index) { return slots_.at(index); }
  std::span<const Slot> all() const noexcept { return slots_; }

  // -- Counts

  unsigned wanted() const noexcept;
  unsigned ready() const noexcept;
  /// Those that are not to end, and those that end only when another is ready for them.
  unsigned going_on() const noexcept;
  /// Those whose replacement starts.
  unsigned being_replaced() const noexcept;
  /// A worker takes connections, or may.
  bool any_accepting() const noexcept;
  /// True if a worker was retired less than `grace` ago and is still alive.
  bool any_ending(Clock::time_point now, std::chrono::nanoseconds grace) const noexcept;
  /// When the `grace` of the next of those ends; std::nullopt if there is none.
  std::optional<Clock::time_point> ending_due(Clock::time_point now,
                                              std::chrono::nanoseconds grace) const noexcept;

  // -- Choices

  /// Wants `workers` more: in free slots first, then where the last worker is still ending.
  void grow(unsigned workers, Clock::time_point now);
  /// The last worker that is wanted and ready; null if there is none.
  Slot* last_ready() noexcept;

  /// Another worker is wanted in the place of this one, which goes on until that is ready. Returns
  /// false, having done nothing, if no slot is free.
  bool replace(Slot& worker, Clock::time_point now);
  /// The same for a worker that ends by itself. Returns the slot of the other; null if none is
  /// free.
  Slot* replace_ending(Slot& worker, Clock::time_point now);
  /// The worker that can go since `replacement` is ready; null if there is none.
  Slot* take_replaced_by(Slot& replacement);
  /// The worker at this index has died: nobody is to replace it any more.
  void forget_replacement_of(unsigned index) noexcept;

 private:
  Slot* find_free() noexcept;

  std::vector<Slot> slots_;
};

}  // namespace appd::supervisor
