// Tests of IP addresses as others write them.

#include "runtime/support/ip_address.hpp"

#include <doctest/doctest.h>

#include <string>

namespace appd::support {
namespace {

std::string canonical(std::string_view text) {
  const auto address = parse_ip_address(text);
  return address ? address->to_string() : "none";
}

}  // namespace

TEST_SUITE_BEGIN("ip address");

TEST_CASE("an address has one text") {
  CHECK(canonical("192.0.2.1") == "192.0.2.1");
  CHECK(canonical("0.0.0.0") == "0.0.0.0");
  CHECK(canonical("2001:0DB8:0:0::0001") == "2001:db8::1");
  CHECK(canonical("::") == "::");
  CHECK(canonical("1111:2222:3333:4444:5555:6666:255.255.255.255") ==
        "1111:2222:3333:4444:5555:6666:ffff:ffff");
}

TEST_CASE("an IPv4-mapped address is IPv4") {
  CHECK(canonical("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(canonical("::FFFF:c000:201") == "192.0.2.1");
  CHECK(unmapped(boost::asio::ip::make_address("::ffff:10.0.0.1")).is_v4());
  CHECK(unmapped(boost::asio::ip::make_address("::1")).is_v6());
}

TEST_CASE("what is no address is refused") {
  using std::string_literals::operator""s;
  for (const auto& text : {""s,
                           " "s,
                           "192.0.2"s,
                           "192.0.2.256"s,
                           "192.0.2.01"s,
                           "192.0.2.1 "s,
                           " 192.0.2.1"s,
                           "192.0.2.1:80"s,
                           "192.0.2.1/32"s,
                           "3221225985"s,
                           "0x7f.0.0.1"s,
                           "192.0.2.1\0"s,
                           "192.0.2.1\0.x"s,
                           "[::1]"s,
                           "::1%lo"s,
                           "::1%1"s,
                           ":::"s,
                           "1:2:3:4:5:6:7"s,
                           "1:2:3:4:5:6:7:8:9"s,
                           "12345::"s,
                           "::1::"s,
                           "localhost"s,
                           "unknown"s,
                           "1111:2222:3333:4444:5555:6666:255.255.255.2555"s,
                           std::string(100, '1')}) {
    CAPTURE(text);
    CHECK(canonical(text) == "none");
  }
}

TEST_SUITE_END();

}  // namespace appd::support
