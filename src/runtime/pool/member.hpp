// What the pool knows of one of its threads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <optional>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/pool/entry.hpp"
#include "runtime/pool/leadership.hpp"

namespace appd::pool {

/// One thread of the pool: a pool thread, or the I/O thread.
struct Member {
  Member(Leadership::Member number, ipc::ThreadSlot* slot_of) : id(number), slot(slot_of) {}

  const Leadership::Member id;
  ipc::ThreadSlot* const slot;  ///< null for the I/O thread

  // Guarded by the queue's mutex.
  std::condition_variable wake;
  bool called = false;  ///< it has been given the loop

  // Used by this thread alone.
  bool left_loop = false;                            ///< it led when it went into its call
  std::chrono::steady_clock::time_point last_end{};  ///< of its last call

  // Used by this thread and the watching thread.
  std::atomic<std::int64_t> call_started{0};  ///< steady nanoseconds
  // Used by this thread and the loop's thread.
  Entry entry;
  std::atomic<const net::WireExchange*> call{nullptr};

  // Used by the loop's thread.
  std::optional<std::uint32_t> given_up;  ///< the slot's sequence in the call that was given up
};

}  // namespace appd::pool
