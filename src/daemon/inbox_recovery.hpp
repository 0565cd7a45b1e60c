// Saves the connections that peers have given to a worker before its death.
#pragma once

#include <atomic>

#include "runtime/peers/handover.hpp"

namespace appd {

/// Moves what lies in a dead worker's inbox into the handover queue. The receiver is woken in any
/// case. `inbox` is −1 if the worker had none. What is moved is counted off `incoming`, which may
/// be null. A process of its own does it: what lies in there may be anything.
void recover_inbox(int inbox, const peers::HandoverQueue& handover_queue,
                   std::atomic<int>* incoming);

}  // namespace appd
