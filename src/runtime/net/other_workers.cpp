// Queues connections for handover, and tries again when there is no room for them.

#include "runtime/net/other_workers.hpp"

#include <chrono>

namespace appd::net {
namespace {

/// The pause before connections that the handover queue had no room for are tried again.
constexpr std::chrono::milliseconds kHandoverPause{5};

}  // namespace

bool OtherWorkers::queue_for_handover(int socket, Caller caller, std::string_view bytes) {
  if (peers_->queue_for_handover(socket, caller, bytes)) return true;
  if (!retry_timer_.armed()) retry_timer_.expire_after(kHandoverPause);
  return false;
}

}  // namespace appd::net
