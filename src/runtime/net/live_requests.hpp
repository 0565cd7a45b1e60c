// The requests that are under way on a connection.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <memory>

#include "runtime/net/live_request.hpp"

namespace appd::net {

/// The requests of a connection that are not over, in the order of their arrival. Loop's thread
/// only.
class LiveRequests {
 public:
  LiveRequest& add(std::shared_ptr<WireExchange> exchange);
  /// The request that has this id now; null if none has.
  LiveRequest* find(protocol::RequestId id) noexcept;
  /// The request with this exchange; null if there is none. Only the address is compared.
  LiveRequest* find(const WireExchange* exchange) noexcept;
  bool has(const WireExchange* exchange) const noexcept;
  /// Forgets those whose exchange was taken.
  void erase_taken() noexcept;
  void clear() noexcept { all_.clear(); }

  bool empty() const noexcept { return all_.empty(); }
  std::size_t size() const noexcept { return all_.size(); }
  LiveRequest& front() noexcept { return all_.front(); }
  const LiveRequest& front() const noexcept { return all_.front(); }
  auto begin() noexcept { return all_.begin(); }
  auto end() noexcept { return all_.end(); }

  /// How many requests are not answered. One that is answered does not count, even if its thread
  /// has it for a moment longer.
  unsigned unanswered() const noexcept;
  /// True if all are answered, by calls that are not quite over.
  bool all_finishing() const noexcept;
  bool any_unreleased() const noexcept;
  bool any_awaits_body() const noexcept;
  bool any_holds_front() const noexcept;

 private:
  boost::container::small_vector<LiveRequest, 1> all_;
};

}  // namespace appd::net
