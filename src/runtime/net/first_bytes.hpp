// The first bytes of a connection, until they tell its protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/decoder.hpp"

namespace appd::net {

/// Keeps the first bytes of a connection as long as they do not tell its protocol.
class FirstBytes {
 public:
  using Kind = protocol::Sniffed::Kind;

  /// Looks at bytes that came, after those that are kept. While they are undecided, they are kept;
  /// so are bytes that have decided about earlier ones: see `take`.
  protocol::Sniffed look(std::string_view bytes) {
    if (!kept_.empty()) kept_.append(bytes);
    const protocol::Sniffed found = protocol::sniff(kept_.empty() ? bytes : kept_);
    if (found.kind == Kind::undecided && kept_.empty()) kept_.assign(bytes);
    return found;
  }
  /// All that is kept.
  std::string take() noexcept { return std::exchange(kept_, {}); }
  bool empty() const noexcept { return kept_.empty(); }

 private:
  std::string kept_;
};

}  // namespace appd::net
