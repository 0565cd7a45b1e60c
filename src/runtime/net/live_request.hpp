// A request that is under way on a connection, as its session sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/net/wire_exchange.hpp"

namespace appd::net {

/// An exchange, and how far its request has come on the front's side:
///
///     body due ──end_body──► body in
///        └───────┬──────────────┘
///             release ──► released
///
/// Once a request is released, the decoder has forgotten its id, which the front may use again.
/// Loop's thread only.
class LiveRequest {
 public:
  explicit LiveRequest(std::shared_ptr<WireExchange> exchange) noexcept
      : exchange_(std::move(exchange)) {}

  WireExchange& exchange() const noexcept { return *exchange_; }
  const std::shared_ptr<WireExchange>& shared() const noexcept { return exchange_; }
  /// Takes the exchange out; the request `is_taken` from then on.
  std::shared_ptr<WireExchange> take() noexcept { return std::move(exchange_); }
  bool is_taken() const noexcept { return exchange_ == nullptr; }

  void end_body() noexcept {
    if (part_ == Part::body_due) part_ = Part::body_in;
  }
  void release() noexcept { part_ = Part::released; }
  /// The front still owes body bytes.
  bool awaits_body() const noexcept { return part_ == Part::body_due; }
  bool released() const noexcept { return part_ == Part::released; }
  /// The front must wait for the application to read.
  bool holds_front() const noexcept {
    return awaits_body() && !exchange_->answered() && !exchange_->free() &&
           exchange_->body().full();
  }

 private:
  enum class Part : std::uint8_t { body_due, body_in, released };

  std::shared_ptr<WireExchange> exchange_;
  Part part_ = Part::body_due;
};

}  // namespace appd::net
