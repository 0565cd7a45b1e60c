// The part of a connection that the threads that respond on it use.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/net/context.hpp"
#include "runtime/net/front_times.hpp"
#include "runtime/net/outbox.hpp"

namespace appd::net {

class Connection;

/// The part of a connection that pool threads use: its way out, and what the loop has decided about
/// its end. The connection owns it. Members are for any thread, except those marked "loop's".
class Channel {
 public:
  Channel(Context& context, int socket) noexcept
      : context_(context), outbox_(socket, context.outgoing_memory) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Context& context() noexcept { return context_; }
  const Context& context() const noexcept { return context_; }
  Outbox& outbox() noexcept { return outbox_; }
  const Outbox& outbox() const noexcept { return outbox_; }

  /// The connection, whose ownership its exchanges share. Loop's.
  void set_owner(std::weak_ptr<Connection> owner) noexcept { owner_ = std::move(owner); }
  std::shared_ptr<Connection> owner() const noexcept { return owner_.lock(); }

  /// How many requests on the connection are not answered yet. Loop's.
  void set_in_flight(unsigned requests) noexcept {
    in_flight_.store(requests, std::memory_order_relaxed);
  }
  bool has_other_requests() const noexcept {
    return in_flight_.load(std::memory_order_relaxed) > 1;
  }

  /// The connection is to be closed once all requests are answered. Loop's.
  void end() noexcept {
    if (!ending()) ending_.store(Ending::in_order);
  }
  /// The same, but the close must show the front that a response is incomplete. Loop's.
  void end_broken_off() noexcept { ending_.store(Ending::broken_off); }
  bool ending() const noexcept { return ending_.load() != Ending::none; }
  bool broken_off() const noexcept { return ending_.load() == Ending::broken_off; }
  /// A further request has come, and waits until the present one is answered (HTTP). Loop's.
  void set_request_waits(bool waits) noexcept { request_waits_.store(waits); }
  bool request_waits() const noexcept { return request_waits_.load(); }
  /// Whether the client waits to be asked for its body.
  void set_asking(Asking asking) noexcept { asking_.store(asking); }
  Asking asking() const noexcept { return asking_.load(); }
  /// True if the loop must be told at once when an exchange becomes free: the connection is to end,
  /// in this worker at least, or to go on with its next request.
  bool awaits_responses() const noexcept {
    return ending() || request_waits() || context_.draining.load();
  }

 private:
  enum class Ending : std::uint8_t { none, in_order, broken_off };

  Context& context_;
  Outbox outbox_;
  std::weak_ptr<Connection> owner_;
  std::atomic<unsigned> in_flight_{0};
  std::atomic<Ending> ending_{Ending::none};
  std::atomic<bool> request_waits_{false};
  std::atomic<Asking> asking_{Asking::not_needed};
};

}  // namespace appd::net
