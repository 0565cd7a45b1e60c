// The head of a response, until it is out.
#pragma once

#include <atomic>
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
  void take(const gateway::ResponseHead& head, const protocol::ResponseFramer& framer);
  bool taken() const noexcept { return taken_; }
  /// Text that must go before the body's next bytes, without framing; "" once it is out.
  std::string_view pending() const noexcept {
    return out_.load(std::memory_order_relaxed) ? std::string_view() : text_;
  }
  std::size_t size() const noexcept { return text_.size(); }
  /// The head goes out now.
  void set_out() noexcept { out_.store(true, std::memory_order_release); }

  /// True once the head is out or on its way. Any thread, which may then use what follows, too.
  bool out() const noexcept { return out_.load(std::memory_order_acquire); }
  unsigned status() const noexcept { return status_; }
  bool announces_length() const noexcept { return announces_length_; }

 private:
  std::string text_;
  unsigned status_ = 0;
  bool taken_ = false;
  bool announces_length_ = false;
  std::atomic<bool> out_{false};
};

}  // namespace appd::net
