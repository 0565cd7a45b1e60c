// Builds PROXY protocol headers of version 2, and feeds headers in pieces.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/proxy_header.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol::testing {

/// What version 2 begins with: the signature, version and command, family and transport, length.
inline std::string version_2(unsigned command, unsigned family, std::size_t length) {
  const auto size = static_cast<unsigned>(length);
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) +
         bytes({command, family, size >> 8 & 0xff, size & 0xff});
}
inline std::string version_2(unsigned command, unsigned family, const std::string& rest) {
  return version_2(command, family, rest.size()) + rest;
}

/// What has become of a header.
struct ProxyOutcome {
  ProxyHeader::Result result = ProxyHeader::Result::need_more;
  std::size_t taken = 0;
  std::optional<Endpoints> endpoints;
  std::string problem;

  bool operator==(const ProxyOutcome&) const = default;
};

/// Feeds `input` in pieces of `chunk` bytes, the first of `first`, for as long as more is needed.
inline ProxyOutcome feed_proxy_header(std::string_view input, std::size_t first,
                                      std::size_t chunk) {
  ProxyHeader header;
  ProxyOutcome outcome;
  auto piece_size = first;
  while (outcome.result == ProxyHeader::Result::need_more && outcome.taken < input.size()) {
    auto piece = input.substr(outcome.taken, piece_size);
    const auto size = piece.size();
    outcome.result = header.feed(piece);
    outcome.taken += size - piece.size();
    piece_size = chunk;
  }
  outcome.endpoints = header.endpoints();
  outcome.problem = header.problem();
  return outcome;
}

inline ProxyOutcome feed_proxy_header(std::string_view input) {
  return feed_proxy_header(input, input.size(), input.size());
}

}  // namespace appd::protocol::testing
