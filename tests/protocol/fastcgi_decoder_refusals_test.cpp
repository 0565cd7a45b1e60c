// Tests of what a FastCGI decoder refuses, and of what ends the connection.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "protocol/decoder_cases.hpp"
#include "protocol/fastcgi_decoder.hpp"
#include "protocol/fastcgi_heads.hpp"
#include "protocol/usual_limits.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

TEST_SUITE("fastcgi decoder") {
  TEST_CASE("roles other than responder are refused and their records swallowed") {
    const auto records = params(1, kPairs) + params(1, "") + stdin_of(1, "x") + stdin_of(1, "") +
                         record(8, 1, "data") + record(8, 1, "");
    check_cases(Wire::fastcgi,
                {
                    {"an authorizer, closing",
                     begin(1, kClose, 2) + records,
                     {reply("close", end_request(1, 3))}},
                    {"a filter, kept",
                     begin(1, kKeep, 3) + records + head(1) + stdin_of(1, ""),
                     {reply("keep", end_request(1, 3)), "request 1 close", "A=1", "end 1"}},
                    {"a role above 255",
                     begin(1, kKeep, 0x0101),
                     {reply("keep", end_request(1, 3))},
                     {},
                     false,
                     true},
                    {"beside another request the connection stays",
                     head(5) + begin(1, kClose, 2),
                     {"request 5 close", "A=1", reply("keep", end_request(1, 3))},
                     {},
                     false,
                     true},
                });
  }

  TEST_CASE("variables that cannot be served") {
    const std::string cookie(300, 'c');
    const auto big = fastcgi_pairs({{"A", "1"}, {"HTTP_COOKIE", cookie}, {"B", "2"}});
    const std::string too_large =
        "the request's variables are larger than 100 bytes (--max-params); the largest so far is "
        "HTTP_COOKIE with 311 bytes";
    check_cases(
        Wire::fastcgi,
        {
            {"above the limit, kept, in one record",
             begin(1, kKeep) + params(1, big) + params(1, "") + stdin_of(1, "x") + stdin_of(1, "") +
                 head(1, kKeep),
             {"refused 1 431 keep: " + too_large, "request 1 keep", "A=1"},
             limited(100)},
            {"above the limit, closing, in records of few bytes",
             begin(1) + params(1, big.substr(0, 50)) + params(1, big.substr(50, 50)) +
                 params(1, big.substr(100, 1)),
             {"refused 1 431 close: " + too_large},
             limited(100),
             false,
             true},
            {"exactly the limit passes",
             begin(1) + params(1, fastcgi_pairs({{"A", std::string(97, 'v')}})) + params(1, ""),
             {"request 1 close", "A=" + std::string(97, 'v')},
             limited(100)},
            {"a name that has not come, of a length that cannot be",
             begin(1) + params(1, bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) +
                                      std::string(93, 'x')),
             {"refused 1 431 close: the request's variables are larger than 100 bytes "
              "(--max-params); the largest so far is " +
              std::string(64, 'x') + "... with 4294967294 bytes"},
             limited(100),
             false,
             true},
            {"none at all, kept",
             begin(1, kKeep) + params(1, "") + stdin_of(1, "") + head(1, kKeep),
             {"refused 1 400 keep: no variables: PARAMS end where they begin, at byte 16 of the "
              "connection",
              "request 1 keep", "A=1"}},
            {"a pair cut by their end, although kept",
             begin(1, kKeep) + params(1, kPairs + bytes({5, 5}) + "HTTP") + params(1, ""),
             {"refused 1 400 close: malformed PARAMS: the variable at their byte 4 is cut off by "
              "the end of the block, which is at byte 34 of the connection"},
             {},
             false,
             true},
            {"a length cut by their end",
             begin(1) + params(1, bytes({1, 0x80, 0})) + params(1, "") + stdin_of(1, ""),
             {"refused 1 400 close: malformed PARAMS: the variable at their byte 0 is cut off by "
              "the end of the block, which is at byte 27 of the connection"}},
            {"after a refusal before their end the rest is swallowed, beside other requests",
             begin(1, kKeep) + params(1, big) + head(3, kKeep) + params(1, big) + params(1, "") +
                 stdin_of(1, "x") + stdin_of(3, "y") + stdin_of(1, "") + stdin_of(3, ""),
             {"refused 1 431 keep: " + too_large, "request 3 keep", "A=1", "body 3 y", "end 3"},
             limited(100)},
        });
  }

  TEST_CASE("a refused request stays active until it is released") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder(limited(1).limits, blocks);
    const auto bytes = begin(1, kKeep) + params(1, kPairs) + params(1, "") + stdin_of(1, "");
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::refused);
    CHECK_FALSE(decoder.inside_head());
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    decoder.release(1);
    CHECK_FALSE(decoder.owes_body());
  }

  TEST_CASE("the variables that arrive at once on a connection are bounded together") {
    gateway::BlockPool blocks;
    DecoderLimits limits = kUsualLimits;
    limits.max_params = 40'000;
    FastcgiDecoder decoder{limits, blocks};
    int refused = 0;
    for (unsigned id = 1; id <= 64; ++id) {
      const auto bytes = begin(id, kKeep) + params(id, std::string(30'000, 'x'));
      std::string_view input = bytes;
      const Event event = decoder.next(input);
      if (event.kind != Event::Kind::refused) continue;
      CHECK_EQ(event.status, 503);
      CHECK_EQ(event.id, id);
      ++refused;
    }
    // 16 times 40,000 bytes have room for 21 of them.
    CHECK_EQ(refused, 64 - 21);
  }

  TEST_CASE("what leaves the connection without sense is fatal") {
    const auto with_version = [](char version) {
      auto text = stdin_of(1, "x");
      text[0] = version;
      return text;
    };
    check_cases(
        Wire::fastcgi,
        {
            {"version 0",
             head(1) + with_version(0),
             {"request 1 close", "A=1",
              "fatal: a record of version 0, not 1, at byte 36 of the connection"}},
            {"text",
             "HTTP/1.1 200 OK",
             {"fatal: a record of version 72, not 1, at byte 0 of the connection"}},
            {"a short BEGIN body",
             record(1, 1, "1234567"),
             {"fatal: a BEGIN_REQUEST record of 7 bytes, not 8, at byte 0 of the connection"}},
            {"a long BEGIN body",
             record(1, 1, "123456789"),
             {"fatal: a BEGIN_REQUEST record of 9 bytes, not 8, at byte 0 of the connection"}},
            {"BEGIN twice",
             begin(1) + begin(1),
             {"fatal: a second BEGIN_REQUEST for request 1, which is active, at byte 16 of the "
              "connection"}},
            {"BEGIN while the response is made",
             head(1) + stdin_of(1, "") + begin(1),
             {"request 1 close", "A=1", "end 1",
              "fatal: a second BEGIN_REQUEST for request 1, which is active, at byte 44 of the "
              "connection"},
             holding()},
            {"PARAMS after their end",
             head(1) + params(1, kPairs),
             {"request 1 close", "A=1",
              "fatal: PARAMS of request 1 after their end, at byte 36 of the connection"}},
            {"STDIN before the end of PARAMS",
             begin(1) + params(1, kPairs) + stdin_of(1, "x"),
             {"fatal: STDIN of request 1 before the end of its PARAMS, at byte 28 of the "
              "connection"}},
        });
  }
}

}  // namespace
}  // namespace appd::protocol
