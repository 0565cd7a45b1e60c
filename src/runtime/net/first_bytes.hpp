// The first bytes of a connection, until they tell its protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/decoder.hpp"

namespace appd::net {

/// Keeps the first bytes of a connection until they tell its protocol.
class FirstBytes {
 public:
  using Kind = protocol::Sniffed::Kind;

  /// Looks at `bytes`, which follow those that are kept. Keeps `bytes` too if the protocol is still
  /// undecided, or if earlier bytes are kept: `take` then returns all of them.
  protocol::Sniffed look(std::string_view bytes) {
    if (!kept_.empty()) kept_.append(bytes);
    const protocol::Sniffed found = protocol::sniff(kept_.empty() ? bytes : kept_);
    if (found.kind == Kind::undecided && kept_.empty()) kept_.assign(bytes);
    return found;
  }
  /// Returns all that is kept, and keeps nothing.
  std::string take() noexcept { return std::exchange(kept_, {}); }
  bool empty() const noexcept { return kept_.empty(); }

 private:
  std::string kept_;
};

}  // namespace appd::net
