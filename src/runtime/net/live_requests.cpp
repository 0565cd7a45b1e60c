// Looks through the requests of a connection.

#include "runtime/net/live_requests.hpp"

#include <algorithm>
#include <utility>

namespace appd::net {

LiveRequest& LiveRequests::add(std::shared_ptr<WireExchange> exchange) {
  return all_.emplace_back(std::move(exchange));
}

LiveRequest* LiveRequests::find(protocol::RequestId id) noexcept {
  for (LiveRequest& live : all_) {
    if (!live.released() && live.exchange().id() == id) return &live;
  }
  return nullptr;
}

LiveRequest* LiveRequests::find(const WireExchange* exchange) noexcept {
  for (LiveRequest& live : all_) {
    if (live.shared().get() == exchange) return &live;
  }
  return nullptr;
}

bool LiveRequests::has(const WireExchange* exchange) const noexcept {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const LiveRequest& live) { return live.shared().get() == exchange; });
}

void LiveRequests::erase_taken() noexcept {
  const auto left = std::remove_if(all_.begin(), all_.end(),
                                   [](const LiveRequest& live) { return live.is_taken(); });
  all_.erase(left, all_.end());
}

unsigned LiveRequests::unanswered() const noexcept {
  return static_cast<unsigned>(std::count_if(
      all_.begin(), all_.end(), [](const LiveRequest& live) { return !live.released(); }));
}

bool LiveRequests::all_finishing() const noexcept {
  return std::all_of(all_.begin(), all_.end(), [](const LiveRequest& live) {
    return live.released() && !live.exchange().front_gone();
  });
}

bool LiveRequests::any_unreleased() const noexcept {
  return std::any_of(all_.begin(), all_.end(),
                     [](const LiveRequest& live) { return !live.released(); });
}

bool LiveRequests::any_awaits_body() const noexcept {
  return std::any_of(all_.begin(), all_.end(),
                     [](const LiveRequest& live) { return live.awaits_body(); });
}

bool LiveRequests::any_holds_front() const noexcept {
  return std::any_of(all_.begin(), all_.end(),
                     [](const LiveRequest& live) { return live.holds_front(); });
}

}  // namespace appd::net
