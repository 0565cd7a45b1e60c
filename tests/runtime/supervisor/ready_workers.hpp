// Workers that are ready in their master's books, without processes of their own.
#pragma once

#include <unistd.h>

#include <chrono>

#include "runtime/supervisor/worker_slots.hpp"

namespace appd::supervisor {

inline const Clock::time_point kStart{std::chrono::hours(1)};

/// The first so many get ready; each "process" is this one.
inline void make_ready(WorkerSlots& workers, unsigned count, Clock::time_point now = kStart) {
  for (unsigned index = 0; index < count; ++index) {
    Slot& worker = workers.at(index);
    worker.life.want(now);
    worker.life.on_tick(now);
    worker.life.on_started(now, std::nullopt);
    worker.life.on_ready(now);
    worker.process.emplace();
    worker.process->pid = ::getpid();
    worker.process->usage.ready_since = now;
  }
}

inline void retire(Slot& worker, Clock::time_point now = kStart) {
  worker.retired_at = now;
  worker.life.retire(now, std::nullopt);
}

}  // namespace appd::supervisor
