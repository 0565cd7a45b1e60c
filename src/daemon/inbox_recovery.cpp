// Empties a dead worker's inbox in a process of its own.

#include "daemon/inbox_recovery.hpp"

#include <poll.h>

#include "runtime/support/aside.hpp"

namespace appd {

void recover_inbox(int inbox, const peers::HandoverQueue& handover_queue,
                   std::atomic<int>* incoming) {
  pollfd looked{inbox, POLLIN, 0};
  const bool any = ::poll(&looked, 1, 0) > 0;
  const bool moved = any && support::run_aside([&] {
                       const int connections = peers::recover(inbox, handover_queue);
                       if (incoming != nullptr) incoming->fetch_sub(connections);
                     });
  constexpr int kNone = -1;
  if (!moved) peers::recover(kNone, handover_queue);  // a receiver looks into the box all the same
}

}  // namespace appd
