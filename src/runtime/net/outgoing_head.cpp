// Takes the application's head apart as far as appd needs it.

#include "runtime/net/outgoing_head.hpp"

#include <charconv>

namespace appd::net {
namespace {

unsigned parse_status(std::string_view text) {
  unsigned status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status;
}

}  // namespace

void OutgoingHead::clear() noexcept {
  text_.clear();
  status_ = 0;
  announces_length_ = false;
  state_.store(State::none, std::memory_order_relaxed);
}

void OutgoingHead::take(const gateway::ResponseHead& head, const protocol::HttpHeadFacts& facts,
                        protocol::ResponseFramer& framer) {
  framer.write_head(head, facts, text_);
  state_.store(State::taken, std::memory_order_relaxed);
  status_ = parse_status(head.status);
  announces_length_ = head.announces_length;
}

}  // namespace appd::net
