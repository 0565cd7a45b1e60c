// Tests of the PROXY protocol's headers, well-formed and malformed.

#include "protocol/proxy_header.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "protocol/proxy_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;
using Result = ProxyHeader::Result;

const std::string kRequest = "PROXY GET / HTTP/1.1\r\n\r\n";

/// "192.0.2.1 1000 > 192.0.2.2 80"; "own" if the connection's own addresses count.
std::string text(const std::optional<Endpoints>& endpoints) {
  if (!endpoints) return "own";
  const auto& [source, destination] = *endpoints;
  return source.address + ' ' + std::to_string(source.port) + " > " + destination.address + ' ' +
         std::to_string(destination.port);
}

/// Feeds `input` at every chunk size and cut once at every place.
ProxyOutcome feed_at_every_split(const std::string& input) {
  const auto whole = feed_proxy_header(input);
  for (std::size_t size = 1; size < input.size(); ++size) {
    CAPTURE(size);
    REQUIRE(feed_proxy_header(input, size, size) == whole);
    REQUIRE(feed_proxy_header(input, size, input.size()) == whole);
  }
  return whole;
}

struct Row {
  const char* name;
  std::string header;
  std::string expected;  // the endpoints, or the problem and its offset
};

void check_accepted(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto outcome = feed_at_every_split(row.header + kRequest);
    CHECK_EQ(outcome.problem, "");
    CHECK(outcome.result == Result::done);
    CHECK_EQ(outcome.taken, row.header.size());
    CHECK_EQ(text(outcome.endpoints), row.expected);
    for (std::size_t size = 0; size < row.header.size(); ++size) {
      CAPTURE(size);
      const auto begun = feed_proxy_header(row.header.substr(0, size));
      REQUIRE(begun.result == Result::need_more);
      REQUIRE_EQ(begun.taken, size);
      REQUIRE_FALSE(begun.endpoints);
    }
  }
}

void check_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto outcome = feed_at_every_split(row.header);
    CHECK(outcome.result == Result::malformed);
    CHECK_EQ(outcome.problem,
             "malformed PROXY protocol header: " + row.expected + " of the connection");
    CHECK_EQ(text(outcome.endpoints), "own");
  }
}

std::string tcp4(const std::string& rest) {
  return "PROXY TCP4 " + rest + "\r\n";
}
std::string tcp6(const std::string& rest) {
  return "PROXY TCP6 " + rest + "\r\n";
}

const std::string kInet = bytes({192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0x01, 0xBB});
const std::string kInet6 = bytes({0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) +
                           bytes({0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF}) +
                           bytes({0, 0, 0xFF, 0xFF});
const std::string kMapped = bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1}) +
                            bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 2}) +
                            bytes({0, 1, 0, 2});
const std::string kNoop = bytes({4, 0, 3}) + "xyz";

}  // namespace

TEST_SUITE("proxy header") {
  TEST_CASE("version 1 has addresses and ports") {
    check_accepted({
        {"IPv4", tcp4("192.0.2.1 192.0.2.2 56324 443"), "192.0.2.1 56324 > 192.0.2.2 443"},
        {"the least", tcp4("0.0.0.0 0.0.0.0 0 0"), "0.0.0.0 0 > 0.0.0.0 0"},
        {"the greatest", tcp4("255.255.255.255 255.255.255.255 65535 65535"),
         "255.255.255.255 65535 > 255.255.255.255 65535"},
        {"IPv6", tcp6("2001:DB8:0:0::1 ::1 1 2"), "2001:db8::1 1 > ::1 2"},
        {"IPv6 at its longest",
         tcp6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0 "
              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0 65535 > "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
        {"IPv4-mapped", tcp6("::ffff:192.0.2.1 ::FFFF:c000:202 1 2"), "192.0.2.1 1 > 192.0.2.2 2"},
    });
  }

  TEST_CASE("version 1 may not know them") {
    check_accepted({
        {"short", "PROXY UNKNOWN\r\n", "own"},
        {"with what is to be ignored", "PROXY UNKNOWN 192.0.2.1 x  \t 1 2 3 4 5\r\n", "own"},
        {"107 bytes", "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "own"},
    });
  }

  TEST_CASE("version 2 has addresses and ports, and may have more") {
    const std::string inet = "192.0.2.1 56324 > 198.51.100.2 443";
    check_accepted({
        {"IPv4", version_2(0x21, 0x11, kInet), inet},
        {"IPv4 and more", version_2(0x21, 0x11, kInet + kNoop), inet},
        {"IPv4 and more that is no TLV", version_2(0x21, 0x11, kInet + "x"), inet},
        {"IPv4 and a CRC32C that is wrong",
         version_2(0x21, 0x11, kInet + bytes({3, 0, 4, 1, 2, 3, 4})), inet},
        {"IPv6", version_2(0x21, 0x21, kInet6), "2001:db8::1 0 > fe80::ff 65535"},
        {"IPv6 and more", version_2(0x21, 0x21, kInet6 + kNoop), "2001:db8::1 0 > fe80::ff 65535"},
        {"IPv4-mapped", version_2(0x21, 0x21, kMapped), "10.0.0.1 1 > 10.0.0.2 2"},
        {"more than 255 bytes", version_2(0x21, 0x11, kInet + std::string(300, '\n')), inet},
    });
  }

  TEST_CASE("version 2 may not know them") {
    check_accepted({
        {"LOCAL", version_2(0x20, 0x00, ""), "own"},
        {"LOCAL with a family and more", version_2(0x20, 0x11, kInet + kNoop), "own"},
        {"LOCAL with a family that is unknown", version_2(0x20, 0xFF, "x"), "own"},
        {"LOCAL with a family and no addresses", version_2(0x20, 0x21, ""), "own"},
        {"no family", version_2(0x21, 0x00, ""), "own"},
        {"no family and more", version_2(0x21, 0x00, kNoop), "own"},
        {"no family, a stream", version_2(0x21, 0x01, ""), "own"},
        {"no transport", version_2(0x21, 0x10, kInet), "own"},
        {"Unix", version_2(0x21, 0x31, std::string(216, '/')), "own"},
        {"Unix and more", version_2(0x21, 0x31, std::string(216, '/') + kNoop), "own"},
    });
  }

  TEST_CASE("the longest that version 2 can declare is skipped and not stored") {
    const auto header = version_2(0x21, 0x11, kInet + std::string(0xFFFF - 12, '\r'));
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{1000}, header.size() + 9}) {
      const auto outcome = feed_proxy_header(header + kRequest, chunk, chunk);
      CHECK(outcome.result == Result::done);
      CHECK_EQ(outcome.taken, 16 + 0xFFFF);
      CHECK_EQ(text(outcome.endpoints), "192.0.2.1 56324 > 198.51.100.2 443");
    }
    CHECK_LT(sizeof(ProxyHeader), 400);
  }

  TEST_CASE("what is no header is refused at the first byte that shows it") {
    const std::string neither = "neither \"PROXY \" nor the signature of version 2, at byte ";
    check_refused({
        {"a request", "GET / HTTP/1.1\r\n", neither + "0"},
        {"TLS", bytes({0x16, 3, 1}), neither + "0"},
        {"NUL", bytes({0}), neither + "0"},
        {"a method", "POST / HTTP/1.1\r\n", neither + "1"},
        {"lower case", "Proxy TCP4", neither + "1"},
        {"no space", "PROXY\r\n", neither + "5"},
        {"a tab", "PROXY\tTCP4", neither + "5"},
        {"an empty line", "\r\nPROXY ", neither + "2"},
        {"version 2 cut short", std::string("\r\n\r\n\0\r\nQUIT\r", 12), neither + "11"},
    });
  }

  TEST_CASE("a line of version 1 ends in CR LF, within 107 bytes") {
    check_refused({
        {"LF alone", "PROXY UNKNOWN\n", "an LF that follows no CR, at byte 13"},
        {"CR alone", "PROXY UNKNOWN\rx", "a CR that no LF follows, at byte 13"},
        {"CR twice", "PROXY UNKNOWN\r\r\n", "a CR that no LF follows, at byte 13"},
        {"LF at once", "PROXY \n", "an LF that follows no CR, at byte 6"},
        {"108 bytes", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n",
         "no end of the line within 107 bytes, at byte 106"},
        {"endless", "PROXY TCP4 " + std::string(500, '1'),
         "no end of the line within 107 bytes, at byte 106"},
    });
  }

  TEST_CASE("version 1 is written in one way only") {
    const std::string family = "neither TCP4, TCP6 nor UNKNOWN, at byte 6";
    const auto inet = [](int at) { return "no IPv4 address, at byte " + std::to_string(at); };
    const auto inet6 = [](int at) { return "no IPv6 address, at byte " + std::to_string(at); };
    const auto port = [](int at) { return "no port of 0 to 65535, at byte " + std::to_string(at); };
    check_refused({
        {"no family", "PROXY \r\n", family},
        {"UDP4", "PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n", family},
        {"lower case", "PROXY tcp4 1.1.1.1 1.1.1.1 1 1\r\n", family},
        {"more than UNKNOWN", "PROXY UNKNOWNS\r\n", family},
        {"two spaces", "PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n", family},
        {"nothing else", "PROXY TCP4\r\n", inet(10)},
        {"an empty address", tcp4(""), inet(11)},
        {"two spaces after the family", tcp4(" 1.1.1.1 1.1.1.1 1 1"), inet(11)},
        {"a name", tcp4("localhost 1.1.1.1 1 1"), inet(11)},
        {"IPv6 as IPv4", tcp4("::1 1.1.1.1 1 1"), inet(11)},
        {"IPv4-mapped as IPv4", tcp4("1.1.1.1 ::ffff:1.1.1.1 1 1"), inet(19)},
        {"a leading zero", tcp4("1.1.1.01 1.1.1.1 1 1"), inet(11)},
        {"three parts", tcp4("1.1.1 1.1.1.1 1 1"), inet(11)},
        {"256", tcp4("1.1.1.1 1.1.1.256 1 1"), inet(19)},
        {"NUL", tcp4(std::string("1.1.1.1\0 1.1.1.1 1 1", 20)), inet(11)},
        {"no destination", tcp4("1.1.1.1"), inet(18)},
        {"IPv4 as IPv6", tcp6("::1 1.1.1.1 1 1"), inet6(15)},
        {"an interface", tcp6("fe80::1%eth0 ::1 1 1"), inet6(11)},
        {"brackets", tcp6("[::1] ::1 1 1"), inet6(11)},
        {"too many parts", tcp6("1:2:3:4:5:6:7:8:9 ::1 1 1"), inet6(11)},
        {"no ports", tcp4("1.1.1.1 1.1.1.1"), port(26)},
        {"one port", tcp4("1.1.1.1 1.1.1.1 1"), port(28)},
        {"65536", tcp4("1.1.1.1 1.1.1.1 65536 1"), port(27)},
        {"more than 64 bits", tcp4("1.1.1.1 1.1.1.1 1 18446744073709551617"), port(29)},
        {"a port with a leading zero", tcp4("1.1.1.1 1.1.1.1 01 1"), port(27)},
        {"zeros", tcp4("1.1.1.1 1.1.1.1 1 00"), port(29)},
        {"a sign", tcp4("1.1.1.1 1.1.1.1 +1 1"), port(27)},
        {"a negative port", tcp4("1.1.1.1 1.1.1.1 1 -1"), port(29)},
        {"hexadecimal", tcp4("1.1.1.1 1.1.1.1 0x1 1"), port(27)},
        {"two spaces before the ports", tcp4("1.1.1.1 1.1.1.1  1 1"), port(27)},
        {"a space at the end", tcp4("1.1.1.1 1.1.1.1 1 1 "), port(29)},
        {"a fifth field", tcp4("1.1.1.1 1.1.1.1 1 1 1"), port(29)},
        {"a tab", tcp4("1.1.1.1 1.1.1.1 1\t1 1"), port(27)},
    });
  }

  TEST_CASE("version 2 is refused by its version, command, family, transport and length") {
    check_refused({
        {"version 1", version_2(0x11, 0x11, kInet),
         "version 1 after the signature of version 2, at byte 12"},
        {"version 3", version_2(0x31, 0x11, kInet),
         "version 3 after the signature of version 2, at byte 12"},
        {"command 2", version_2(0x22, 0x11, kInet),
         "command 2, neither LOCAL (0) nor PROXY (1), at byte 12"},
        {"command 15", version_2(0x2F, 0x11, kInet),
         "command 15, neither LOCAL (0) nor PROXY (1), at byte 12"},
        {"family 4", version_2(0x21, 0x41, kInet), "unknown address family 4, at byte 13"},
        {"family 15", version_2(0x21, 0xF1, kInet), "unknown address family 15, at byte 13"},
        {"UDP over IPv4", version_2(0x21, 0x12, kInet),
         "datagrams instead of a stream, at byte 13"},
        {"UDP over IPv6", version_2(0x21, 0x22, kInet6),
         "datagrams instead of a stream, at byte 13"},
        {"Unix datagrams", version_2(0x21, 0x32, std::string(216, '/')),
         "datagrams instead of a stream, at byte 13"},
        {"transport 3", version_2(0x21, 0x13, kInet), "unknown transport 3, at byte 13"},
        {"IPv4 without addresses", version_2(0x21, 0x11, ""),
         "a length of 0 where IPv4 addresses take 12, at byte 14"},
        {"IPv4 too short", version_2(0x21, 0x11, kInet.substr(1)),
         "a length of 11 where IPv4 addresses take 12, at byte 14"},
        {"IPv6 too short", version_2(0x21, 0x21, kInet6.substr(1)),
         "a length of 35 where IPv6 addresses take 36, at byte 14"},
        {"Unix too short", version_2(0x21, 0x31, std::string(215, '/')),
         "a length of 215 where Unix addresses take 216, at byte 14"},
    });
  }

  TEST_CASE("after its end nothing more is taken") {
    for (const std::string& input : {std::string("PROXY UNKNOWN\r\n"), std::string("GET ")}) {
      ProxyHeader header;
      std::string_view first = input;
      const auto result = header.feed(first);
      const auto problem = header.problem();
      std::string_view more = "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n";
      CHECK(header.feed(more) == result);
      CHECK_EQ(more.size(), 32);
      CHECK_EQ(header.problem(), problem);
      CHECK_FALSE(header.endpoints());
    }
  }

  TEST_CASE("what is handed on begins with the same in version 1") {
    const std::vector<Row> rows{
        {"IPv4", version_2(0x21, 0x11, kInet), tcp4("192.0.2.1 198.51.100.2 56324 443")},
        {"IPv6", version_2(0x21, 0x21, kInet6), tcp6("2001:db8::1 fe80::ff 0 65535")},
        {"IPv4-mapped", version_2(0x21, 0x21, kMapped), tcp4("10.0.0.1 10.0.0.2 1 2")},
        {"one of them mapped", tcp6("::ffff:1.1.1.1 2::2 1 2"), tcp6("::ffff:1.1.1.1 2::2 1 2")},
        {"the other", tcp6("2::2 ::ffff:1.1.1.1 1 2"), tcp6("2::2 ::ffff:1.1.1.1 1 2")},
        {"none", version_2(0x20, 0, ""), "PROXY UNKNOWN\r\n"},
    };
    for (const Row& row : rows) {
      CAPTURE(row.name);
      const auto read = feed_proxy_header(row.header).endpoints;
      const auto encoded = encode_proxy_header(read);
      CHECK_EQ(encoded, row.expected);
      CHECK(feed_proxy_header(encoded).endpoints == read);
    }
    CHECK_EQ(encode_proxy_header(Endpoints{{"1.1.1.1", 1}, {"2.2.2.2", 2}}),
             tcp4("1.1.1.1 2.2.2.2 1 2"));
  }
}

}  // namespace appd::protocol
