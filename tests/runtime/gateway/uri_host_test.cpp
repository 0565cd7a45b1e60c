// Tests of what passes as the host of a URL.

#include "runtime/gateway/uri_host.hpp"

#include <doctest/doctest.h>

#include <string>

namespace appd::gateway {
namespace {

using std::string_literals::operator""s;

std::string split(std::string_view text) {
  const auto [host, port] = split_port(text);
  return std::string(host) + '|' + std::string(port.value_or("none"));
}

}  // namespace

TEST_SUITE_BEGIN("uri host");

TEST_CASE("the port follows the last colon outside brackets") {
  CHECK(split("a.test") == "a.test|none");
  CHECK(split("a.test:80") == "a.test|80");
  CHECK(split("a.test:") == "a.test|");
  CHECK(split("[::1]") == "[::1]|none");
  CHECK(split("[::1]:80") == "[::1]|80");
  CHECK(split("::1") == ":|1");
  CHECK(split("") == "|none");
}

TEST_CASE("names and addresses are hosts, with a port or without") {
  for (const auto& text :
       {"a"s, "a.test"s, "A-b_c.test."s, "a.test:0"s, "a.test:65535"s, "192.0.2.1"s,
        "192.0.2.1:80"s, "[::1]"s, "[2001:DB8::1]:8080"s, "a%20b"s, "~!$&'()*+;="s,
        std::string(253, 'a'), std::string(253, 'a') + ":65535"}) {
    CAPTURE(text);
    CHECK(is_uri_host(text));
  }
}

TEST_CASE("anything else is no host") {
  for (const auto& text : {""s,
                           ":80"s,
                           "a.test:"s,
                           "a.test:http"s,
                           "a.test:65536"s,
                           "a.test:080"s,
                           "a.test:80:80"s,
                           "::1"s,
                           "[::1"s,
                           "::1]"s,
                           "[]"s,
                           "["s,
                           "]"s,
                           "[a.test]"s,
                           "[192.0.2.1]"s,
                           "[::1]x"s,
                           "[::1]x:80"s,
                           "x[::1]"s,
                           "[[::1]]"s,
                           "[fe80::1%25eth0]"s,
                           "a b"s,
                           " a"s,
                           "a\t"s,
                           "a/b"s,
                           "a\\b"s,
                           "u@a"s,
                           "a,b"s,
                           "a?"s,
                           "a#"s,
                           "a\"b"s,
                           "a<b"s,
                           "a>b"s,
                           "a\r\nb"s,
                           "a\0b"s,
                           "a\x7f"s,
                           "\xc3\xa9.test"s,
                           "http://a.test"s,
                           std::string(254, 'a')}) {
    CAPTURE(text);
    CHECK_FALSE(is_uri_host(text));
  }
}

TEST_SUITE_END();

}  // namespace appd::gateway
