// Closes the connections that have been idle for too long, the oldest first.

#include "runtime/net/kept_clients.hpp"

namespace appd::net {

KeptClients::KeptClients(EventLoop& loop, std::chrono::milliseconds time)
    : loop_(loop), time_(time), timer_(loop, [this] { close_late(); }) {}

void KeptClients::keep(KeptClient& client, bool idle) {
  if (time_.count() == 0) return;
  client.unlink();
  client.since_ = loop_.running_now();
  client.idle_ = idle;
  clients_.push_back(client);
  if (!timer_.armed()) timer_.expire_after(time_);
}

void KeptClients::close_late() {
  const auto now = loop_.running_now();
  while (!clients_.empty()) {
    KeptClient& first = clients_.front();
    const auto left = first.since_ + time_ - now;
    if (left > EventLoop::Clock::duration::zero()) {
      timer_.expire_after(left);
      return;
    }
    first.unlink();
    first.on_kept_too_long(first.idle_);
  }
}

}  // namespace appd::net
