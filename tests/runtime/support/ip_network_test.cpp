// Tests of networks, parsed and matched.

#include "runtime/support/ip_network.hpp"

#include <doctest/doctest.h>

namespace appd::support {
namespace {

bool contains(const char* network, const char* address) {
  return IpNetwork::parse(network).value().contains(boost::asio::ip::make_address(address));
}

}  // namespace

TEST_SUITE_BEGIN("ip network");

TEST_CASE("a network contains what has its prefix") {
  struct Row {
    const char* network;
    const char* inside;
    const char* outside;
  };
  const Row rows[] = {
      {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
      {"192.0.2.7/32", "192.0.2.7", "193.0.2.7"},
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
      {"::1", "::1", "::2"},
      {"::1", "::1", "127.0.0.1"},
      {"fd00::/8", "fdff::1", "fe00::1"},
      {"2001:db8:8000::/33", "2001:db8:ffff::", "2001:db8:7fff::"},
      {"fe80::/10", "fe80::1%1", "fec0::1"},
      // IPv4-mapped IPv6 addresses, on either side.
      {"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
      {"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"},
      {"::ffff:10.0.0.1", "10.0.0.1", "::1"},
      {"0.0.0.0/0", "255.1.2.3", "::1"},
      {"::/0", "fe80::1", "::ffff:10.0.0.1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.network);
    CHECK(contains(row.network, row.inside));
    CHECK_FALSE(contains(row.network, row.outside));
  }
}

TEST_CASE("what is no network is refused") {
  for (const char* text : {"",
                           "/",
                           "localhost",
                           "10.0.0.1/8",
                           "10.0.0.0/",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/+8",
                           "10.0.0.0/8x",
                           "10.0.0",
                           "10",
                           "010.0.0.1/x",
                           "10.0.0.1 ",
                           " 10.0.0.1",
                           "10.0.0.1:80",
                           "10.0.0.0/8/8",
                           "::1/129",
                           "::1/0",
                           "[::1]",
                           "fe80::1%lo",
                           "fd00::1/8",
                           ":",
                           "*",
                           "10.0.0.1,10.0.0.2",
                           "10.0.0.0/255.0.0.0"}) {
    CAPTURE(text);
    CHECK_FALSE(IpNetwork::parse(text));
  }
}

TEST_CASE("a network is shown as it can be read") {
  for (const char* text : {"192.0.2.7", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0", "::/0"}) {
    CHECK(IpNetwork::parse(text).value().to_string() == text);
  }
  CHECK(IpNetwork::parse("::ffff:10.0.0.0/104").value().to_string() == "10.0.0.0/8");
}

TEST_SUITE_END();

}  // namespace appd::support
