// Saves the connections that peers have given to a worker before its death.
#pragma once

#include <atomic>

#include "runtime/peers/handover.hpp"

namespace appd {

/// Moves what lies in a dead worker's inbox into the handover queue, and wakes a receiver in any
/// case. `inbox` is −1 if the worker had none. The number of moved connections is subtracted from
/// `incoming`, which may be null. Another process does it, since the inbox may contain anything.
void recover_inbox(int inbox, const peers::HandoverQueue& handover_queue,
                   std::atomic<int>* incoming);

}  // namespace appd
