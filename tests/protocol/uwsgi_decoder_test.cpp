// Tests of uwsgi packets, well-formed and malformed.

#include "protocol/uwsgi_decoder.hpp"

#include <doctest/doctest.h>

#include "protocol/decoder_cases.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

std::string packet(Pairs pairs, unsigned modifier1 = 0, unsigned modifier2 = 0) {
  return uwsgi_packet(uwsgi_block(pairs), modifier1, modifier2);
}

TEST_SUITE("uwsgi decoder") {
  TEST_CASE("requests") {
    const std::string value(0x0102, 'v');
    check_cases(Wire::uwsgi,
                {
                    {"without body",
                     packet({{"A", "1"}, {"EMPTY", ""}}),
                     {"request 0 close", "A=1", "EMPTY=", "end 0"}},
                    {"with body",
                     packet({{"CONTENT_LENGTH", "5"}}) + "hello",
                     {"request 0 close", "CONTENT_LENGTH=5", "body 0 hello", "end 0"}},
                    {"an empty CONTENT_LENGTH",
                     packet({{"CONTENT_LENGTH", ""}}),
                     {"request 0 close", "CONTENT_LENGTH=", "end 0"}},
                    {"sizes are little-endian",
                     packet({{"A", value}}),
                     {"request 0 close", "A=" + value, "end 0"}},
                    {"what follows the body is swallowed",
                     packet({{"CONTENT_LENGTH", "2"}}) + "hello" + packet({{"A", "1"}}),
                     {"request 0 close", "CONTENT_LENGTH=2", "body 0 he", "end 0"}},
                    {"a body that does not end",
                     packet({{"CONTENT_LENGTH", "9"}}) + "hello",
                     {"request 0 close", "CONTENT_LENGTH=9", "body 0 hello"}},
                    {"modifier2 does not matter",
                     packet({{"A", "1"}}, 0, 7),
                     {"request 0 close", "A=1", "end 0"}},
                    {"a head that does not end", packet({{"A", "1"}}).substr(0, 9), {}, {}, true},
                    {"one byte", std::string(1, '\0'), {}, {}, true},
                    {"no byte", "", {}},
                });
  }

  TEST_CASE("the largest block there can be") {
    const std::string value(65535 - 5, 'v');
    const auto bytes = packet({{"A", value}});
    REQUIRE_EQ(bytes.size(), 4 + 65535);
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{4096}, bytes.size()}) {
      CHECK_EQ(decode(Wire::uwsgi, bytes, chunk).events,
               std::vector<std::string>{"request 0 close", "A=" + value, "end 0"});
    }
  }

  TEST_CASE("modifier 30 cuts SCRIPT_NAME off PATH_INFO where it is its beginning") {
    struct {
      const char* script;
      const char* path;
      const char* expected;
    } const rows[] = {
        {"/app", "/app/x", "/x"},
        {"/app", "/app", ""},
        {"/app/", "/app/x", "/x"},
        {"/app", "/apple", "/apple"},
        {"/app", "/other", "/other"},
        {"", "/x", "/x"},
        {"/", "/x", "/x"},
        {"/app/long", "/app", "/app"},
    };
    for (const auto& row : rows) {
      CAPTURE(row.script);
      CAPTURE(row.path);
      const Pairs pairs{{"PATH_INFO", row.path}, {"SCRIPT_NAME", row.script}};
      CHECK_EQ(decode(Wire::uwsgi, packet(pairs, 30), 1).events[1],
               std::string("PATH_INFO=") + row.expected);
      CHECK_EQ(decode(Wire::uwsgi, packet(pairs, 0), 1).events[1],
               std::string("PATH_INFO=") + row.path);
    }
    CHECK_EQ(decode(Wire::uwsgi, packet({{"PATH_INFO", "/x"}}, 30), 99).events[1], "PATH_INFO=/x");
    CHECK_EQ(decode(Wire::uwsgi, packet({{"SCRIPT_NAME", "/x"}}, 30), 99).events[1],
             "SCRIPT_NAME=/x");
  }

  TEST_CASE("a ping is answered and ends the connection") {
    check_cases(Wire::uwsgi,
                {{"a ping", bytes({100, 0, 0, 0}), {"reply close 64000001"}},
                 {"with data", bytes({100, 3, 0, 0}) + "xyz", {"reply close 64000001"}}});
  }

  TEST_CASE("other modifiers are refused by name") {
    for (unsigned modifier = 1; modifier < 256; ++modifier) {
      if (modifier == 30 || modifier == 100) continue;
      CAPTURE(modifier);
      const auto log = decode(Wire::uwsgi, uwsgi_packet("import os", modifier), 1);
      REQUIRE_EQ(log.events, std::vector<std::string>{"refused 0 501 close: uwsgi modifier1 " +
                                                      std::to_string(modifier) +
                                                      " is not served: only 0 and 30 (WSGI) are"});
      REQUIRE(log.owes_body);
    }
  }

  TEST_CASE("blocks that cannot be served") {
    Driving limited;
    limited.limits.max_params = 50;
    const std::string malformed =
        "refused 0 400 close: malformed uwsgi packet: the variable at byte ";
    const std::string excess =
        "refused 0 431 close: the request's variables are larger than 50 bytes (--max-params); the "
        "largest so far is ";
    check_cases(
        Wire::uwsgi,
        {
            {"a name longer than the packet",
             uwsgi_packet(uwsgi_block({{"A", "1"}}) + u16_le(9) + "NAME"),
             {malformed + "10 of the connection is cut off by the end of the block"},
             {},
             false,
             true},
            {"a value longer than the packet",
             uwsgi_packet(u16_le(1) + "N" + u16_le(0xffff) + "v"),
             {malformed + "4 of the connection is cut off by the end of the block"},
             {},
             false,
             true},
            {"half a length",
             uwsgi_packet(u16_le(1) + "N" + "x"),
             {malformed + "4 of the connection is cut off by the end of the block"},
             {},
             false,
             true},
            {"an empty name",
             uwsgi_packet(uwsgi_block({{"A", "1"}, {"", "x"}})) + "body",
             {malformed + "10 of the connection has an empty name"},
             {},
             false,
             true},
            {"no variables",
             uwsgi_packet(""),
             {"refused 0 400 close: a uwsgi packet without variables"},
             {},
             false,
             true},
            {"above the limit, the largest whole",
             packet({{"HTTP_COOKIE", "a cookie of 28 bytes in all."}, {"PATH_INFO", "/some/path"}}),
             {excess + "HTTP_COOKIE with 39 bytes"},
             limited,
             false,
             true},
            {"above the limit, the largest announced",
             packet({{"A", "1"}, {"HTTP_COOKIE", std::string(500, 'c')}}).substr(0, 54),
             {excess + "HTTP_COOKIE with 511 bytes"},
             limited,
             false,
             true},
            {"exactly the limit passes",
             packet({{"A", std::string(45, 'v')}}),
             {"request 0 close", "A=" + std::string(45, 'v'), "end 0"},
             limited},
        });
  }
}

}  // namespace
}  // namespace appd::protocol
