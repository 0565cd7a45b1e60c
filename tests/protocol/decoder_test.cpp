// Tests of what all decoders have in common.

#include "protocol/decoder.hpp"

#include <doctest/doctest.h>

#include "protocol/decoder_cases.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

template <typename Encode>
std::string several(std::size_t count, Encode encode) {
  std::string block;
  for (std::size_t i = 0; i < count; ++i) block += encode({{"A", ""}});
  return block;
}

struct Sent {
  Wire wire;
  std::string bytes;
};

/// A request with `count` variables on each wire.
std::vector<Sent> requests_of(std::size_t count) {
  const auto scgi = scgi_headers({{"CONTENT_LENGTH", "0"}}) + several(count - 1, scgi_headers);
  return {
      {Wire::fastcgi, begin(1, kKeep) + params(1, several(count, fastcgi_pairs)) + params(1, "")},
      {Wire::uwsgi, uwsgi_packet(several(count, uwsgi_block))},
      {Wire::scgi, netstring(scgi)}};
}

TEST_SUITE("decoder") {
  TEST_CASE("a request may have a thousand variables, and no more") {
    for (const auto& each : requests_of(1000)) {
      CAPTURE(each.wire);
      CHECK(decode(each.wire, each.bytes, 999).events.front().starts_with("request "));
    }
    for (const auto& each : requests_of(1001)) {
      CAPTURE(each.wire);
      const auto events = decode(each.wire, each.bytes, 999).events;
      REQUIRE_EQ(events.size(), 1);
      const std::string& event = events.front();
      const bool kept = each.wire == Wire::fastcgi;
      CHECK(event.starts_with("refused "));
      CHECK_NE(event.find(kept ? " 431 keep: " : " 431 close: "), std::string::npos);
      CHECK(event.ends_with(": the request has more than 1000 variables"));
    }
  }

  TEST_CASE("each wire gets its own") {
    const auto fastcgi = begin(1) + params(1, fastcgi_pairs({{"A", "1"}})) + params(1, "");
    const auto uwsgi = uwsgi_packet(uwsgi_block({{"A", "1"}}));
    const auto scgi = netstring(scgi_headers({{"CONTENT_LENGTH", "0"}}));
    CHECK_EQ(decode(Wire::fastcgi, fastcgi, 99).events.front(), "request 1 close");
    CHECK_EQ(decode(Wire::uwsgi, uwsgi, 99).events.front(), "request 0 close");
    CHECK_EQ(decode(Wire::scgi, scgi, 99).events.front(), "request 0 close");
  }

  TEST_CASE("wires have the names that people know") {
    CHECK_EQ(name(Wire::fastcgi), "FastCGI");
    CHECK_EQ(name(Wire::uwsgi), "uwsgi");
    CHECK_EQ(name(Wire::scgi), "SCGI");
  }
}

}  // namespace
}  // namespace appd::protocol
