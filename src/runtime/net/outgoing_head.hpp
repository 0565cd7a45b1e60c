// The head of a response, until it is out.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/response_framer.hpp"
#include "runtime/gateway/exchange.hpp"

namespace appd::net {

/// The head of a response on its way out, and what must be known of it afterwards. Used by the
/// thread that responds; other threads may use what is marked so.
class OutgoingHead {
 public:
  void clear() noexcept;
  /// Takes the application's head, once.
  void take(const gateway::ResponseHead& head, const protocol::HttpHeadFacts& facts,
            protocol::ResponseFramer& framer);
  bool taken() const noexcept { return state_.load(std::memory_order_relaxed) != State::none; }
  /// Text that must go before the body's next bytes, without framing; "" once it is out.
  std::string_view pending() const noexcept {
    return state_.load(std::memory_order_relaxed) == State::out ? std::string_view() : text_;
  }
  std::size_t size() const noexcept { return text_.size(); }
  /// The head, which was taken, goes out now.
  void set_out() noexcept {
    assert(taken());
    state_.store(State::out, std::memory_order_release);
  }

  /// True once the head is out or on its way. Any thread, which may then use what follows, too.
  bool out() const noexcept { return state_.load(std::memory_order_acquire) == State::out; }
  unsigned status() const noexcept { return status_; }
  bool announces_length() const noexcept { return announces_length_; }

 private:
  enum class State : std::uint8_t { none, taken, out };

  std::string text_;
  unsigned status_ = 0;
  bool announces_length_ = false;
  std::atomic<State> state_{State::none};
};

}  // namespace appd::net
