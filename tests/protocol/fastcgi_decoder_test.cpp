// Tests of FastCGI sessions: multiplexing, refusals, aborts and management records.

#include "protocol/fastcgi_decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "fakes/counting_new.hpp"
#include "protocol/decoder_cases.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

constexpr unsigned kAuthorizer = 2;  // a role that is refused

const std::string kPairs = fastcgi_pairs({{"A", "1"}});

std::string head(unsigned id, unsigned flags = kClose, std::string_view pairs = kPairs) {
  return begin(id, flags) + params(id, pairs) + params(id, "");
}

std::string announcing(std::string_view length) {
  return fastcgi_pairs({{"CONTENT_LENGTH", length}});
}

std::string reply(const char* keep, std::string_view bytes) {
  return std::string("reply ") + keep + " " + hex(bytes);
}

Driving limited(std::size_t max_params, std::size_t max_requests = 64) {
  Driving driving;
  driving.limits.max_params = max_params;
  driving.limits.max_requests = max_requests;
  return driving;
}

Driving holding() {
  Driving driving;
  driving.release = Driving::Release::never;
  return driving;
}

TEST_SUITE("fastcgi decoder") {
  TEST_CASE("requests and their bodies") {
    const std::string long_name(200, 'N');
    const std::string long_value(300, 'v');
    check_cases(
        Wire::fastcgi,
        {
            {"without body, closing",
             head(1) + stdin_of(1, ""),
             {"request 1 close", "A=1", "end 1"}},
            {"kept", head(1, kKeep) + stdin_of(1, ""), {"request 1 keep", "A=1", "end 1"}},
            {"other flags mean nothing",
             head(7, 0xfe) + stdin_of(7, ""),
             {"request 7 close", "A=1", "end 7"}},
            {"ids above 255",
             head(0x1234) + stdin_of(0x1234, ""),
             {"request 4660 close", "A=1", "end 4660"}},
            {"the second on a kept connection, released early, owes its own body",
             head(1, kKeep) + stdin_of(1, "") + head(1, kKeep, announcing("0")),
             {"request 1 keep", "A=1", "end 1", "request 1 keep", "CONTENT_LENGTH=0", "end 1"},
             {},
             false,
             true},
            {"two on a kept connection",
             head(1, kKeep) + stdin_of(1, "") + head(1, kKeep) + stdin_of(1, ""),
             {"request 1 keep", "A=1", "end 1", "request 1 keep", "A=1", "end 1"}},
            {"padding everywhere",
             begin(1) + params(1, kPairs, 255) + params(1, "", 7) + stdin_of(1, "xy", 6) +
                 stdin_of(1, "", 8),
             {"request 1 close", "A=1", "body 1 xy", "end 1"}},
            {"long and empty names and values",
             head(1, kClose,
                  fastcgi_pairs({{long_name, long_value}, {"EMPTY", ""}, {"", "nameless"}})) +
                 stdin_of(1, ""),
             {"request 1 close", long_name + "=" + long_value, "EMPTY=", "=nameless", "end 1"}},
            {"the long form for small lengths",
             head(1, kClose, long_length(1) + long_length(2) + "Axy") + stdin_of(1, ""),
             {"request 1 close", "A=xy", "end 1"}},
            {"bytes that are not ASCII",
             head(1, kClose, fastcgi_pairs({{"P", bytes({0xe9, 0, 10})}})) + stdin_of(1, ""),
             {"request 1 close", "P=\\xe9\\x00\\x0a", "end 1"}},
            {"a body of unknown length ends at the empty STDIN",
             head(1) + stdin_of(1, "hello ") + stdin_of(1, "world") + stdin_of(1, ""),
             {"request 1 close", "A=1", "body 1 hello world", "end 1"}},
            {"an announced body ends without the empty STDIN",
             head(1, kKeep, announcing("4")) + stdin_of(1, "ab") + stdin_of(1, "cd"),
             {"request 1 keep", "CONTENT_LENGTH=4", "body 1 abcd", "end 1"},
             {},
             false,
             true},
            {"an announced body of no bytes ends at once",
             head(1, kKeep, announcing("0")),
             {"request 1 keep", "CONTENT_LENGTH=0", "end 1"},
             {},
             false,
             true},
            {"more than announced is swallowed",
             head(1, kKeep, announcing("3")) + stdin_of(1, "abcdef") + stdin_of(1, "ghi") +
                 stdin_of(1, ""),
             {"request 1 keep", "CONTENT_LENGTH=3", "body 1 abc", "end 1"}},
            {"less than announced is a cut",
             head(1, kKeep, announcing("4")) + stdin_of(1, "abc") + stdin_of(1, ""),
             {"request 1 keep", "CONTENT_LENGTH=4", "body 1 abc", "cut 1"}},
            {"STDIN after its end is ignored",
             head(1) + stdin_of(1, "") + stdin_of(1, "late") + stdin_of(1, ""),
             {"request 1 close", "A=1", "end 1"},
             holding()},
            {"an announced 10^18 bytes allocate nothing",
             head(1, kKeep, announcing("1000000000000000000")),
             {"request 1 keep", "CONTENT_LENGTH=1000000000000000000"}},
        });
  }

  TEST_CASE("pairs may be split over records at any byte") {
    const auto pairs =
        fastcgi_pairs({{"A", "1"}, {std::string(130, 'N'), "x"}, {"B", std::string(140, 'v')}});
    for (std::size_t cut = 1; cut < pairs.size(); ++cut) {
      CAPTURE(cut);
      const auto bytes = begin(1) + params(1, pairs.substr(0, cut), 3) +
                         params(1, pairs.substr(cut)) + params(1, "");
      const auto log = decode(Wire::fastcgi, bytes, bytes.size());
      REQUIRE_EQ(log.events,
                 std::vector<std::string>{"request 1 close", "A=1", std::string(130, 'N') + "=x",
                                          "B=" + std::string(140, 'v')});
    }
  }

  TEST_CASE("several requests at once") {
    check_cases(
        Wire::fastcgi,
        {
            {"heads and bodies interleaved",
             begin(1, kKeep) + begin(3, kKeep) + params(1, kPairs.substr(0, 2)) +
                 params(3, fastcgi_pairs({{"B", "2"}})) + params(1, kPairs.substr(2)) +
                 params(3, "") + stdin_of(3, "three") + params(1, "") + stdin_of(1, "one") +
                 stdin_of(3, "") + stdin_of(1, ""),
             {"request 3 keep", "B=2", "body 3 three", "request 1 keep", "A=1", "body 1 one",
              "end 3", "end 1"}},
            {"one more than allowed is turned away, the others go on",
             head(1, kKeep) + head(2, kKeep) + head(3, kKeep) + stdin_of(3, "x") + stdin_of(3, "") +
                 stdin_of(1, "one") + stdin_of(1, "") + head(3, kKeep),
             {"request 1 keep", "A=1", "request 2 keep", "A=1", reply("keep", end_request(3, 1)),
              "body 1 one", "end 1", "request 3 keep", "A=1"},
             limited(1024, 2)},
        });
  }

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

  TEST_CASE("management records") {
    const auto asked = fastcgi_pairs({{"FCGI_MPXS_CONNS", ""},
                                      {"FCGI_MAX_REQS", ""},
                                      {"UNHEARD_OF", ""},
                                      {"FCGI_MAX_CONNS", ""}});
    const auto all = fastcgi_pairs(
        {{"FCGI_MAX_CONNS", "4096"}, {"FCGI_MAX_REQS", "8"}, {"FCGI_MPXS_CONNS", "1"}});
    check_cases(
        Wire::fastcgi,
        {
            {"GET_VALUES before the first request",
             record(9, 0, asked, 5) + head(1) + stdin_of(1, ""),
             {reply("keep", record(10, 0, all)), "request 1 close", "A=1", "end 1"},
             limited(1024, 8)},
            {"only what was asked for, once",
             record(9, 0, fastcgi_pairs({{"FCGI_MAX_REQS", ""}, {"FCGI_MAX_REQS", ""}})),
             {reply("keep", record(10, 0, fastcgi_pairs({{"FCGI_MAX_REQS", "64"}})))}},
            {"GET_VALUES for nothing", record(9, 0, ""), {reply("keep", record(10, 0, ""))}},
            {"GET_VALUES with a cut pair",
             record(9, 0, "\x0d"),
             {reply("keep", record(10, 0, ""))}},
            {"an unknown type",
             record(77, 0, "content", 3),
             {reply("keep", record(11, 0, bytes({77, 0, 0, 0, 0, 0, 0, 0})))}},
            {"type 0",
             record(0, 0, ""),
             {reply("keep", record(11, 0, bytes({0, 0, 0, 0, 0, 0, 0, 0})))}},
            {"a request's record with the connection's id is ignored",
             record(1, 0, bytes({0, 1, 0, 0, 0, 0, 0, 0})) + record(4, 0, kPairs) +
                 record(8, 0, ""),
             {}},
            {"an unknown or management type with a request's id is ignored",
             head(1) + record(77, 1, "x") + record(9, 1, asked) + record(6, 1, "x") +
                 stdin_of(1, ""),
             {"request 1 close", "A=1", "end 1"}},
        });
  }

  TEST_CASE("ABORT_REQUEST") {
    check_cases(
        Wire::fastcgi,
        {
            {"while the application works",
             head(1, kKeep) + stdin_of(1, "") + abort_request(1),
             {"request 1 keep", "A=1", "end 1", "aborted 1"},
             holding()},
            {"during the body",
             head(1, kKeep) + stdin_of(1, "ab") + abort_request(1),
             {"request 1 keep", "A=1", "body 1 ab", "aborted 1"}},
            {"during the variables: the decoder ends the request itself",
             begin(1, kKeep) + params(1, "x") + abort_request(1) + params(1, "") + head(1, kKeep),
             {reply("keep", end_request(1, 0)), "request 1 keep", "A=1"}},
            {"of a closing connection",
             begin(1) + abort_request(1),
             {reply("close", end_request(1, 0))}},
            {"of a closing request beside another",
             head(3) + begin(1) + abort_request(1),
             {"request 3 close", "A=1", reply("keep", end_request(1, 0))}},
            {"with content, which it should not have",
             head(1) + record(2, 1, "why", 5) + abort_request(1),
             {"request 1 close", "A=1", "aborted 1"}},
            {"of an id that is not active",
             abort_request(1) + head(2) + stdin_of(2, ""),
             {"request 2 close", "A=1", "end 2"}},
            {"what comes late for it is swallowed, and the id can begin again",
             head(1, kKeep) + abort_request(1) + stdin_of(1, "late") + stdin_of(1, "") +
                 head(1, kKeep) + stdin_of(1, "new") + stdin_of(1, ""),
             {"request 1 keep", "A=1", "aborted 1", "request 1 keep", "A=1", "body 1 new",
              "end 1"}},
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

  TEST_CASE("an id released early begins again, and late records are not its new request's") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto first = head(1, kKeep, announcing("10"));
    std::string_view input = first;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.expect_body(1, 10);
    decoder.release(1);
    CHECK(decoder.owes_body());

    SUBCASE("its empty STDIN comes late, before the new BEGIN") {
      const auto rest = stdin_of(1, "0123456789abc") + stdin_of(1, "");
      input = rest;
      CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
      CHECK_FALSE(decoder.owes_body());
    }
    SUBCASE("its empty STDIN never comes") {}
    const auto second = head(1, kKeep) + stdin_of(1, "new") + stdin_of(1, "");
    input = second;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    CHECK_FALSE(decoder.owes_body());
    decoder.expect_body(1, std::nullopt);
    CHECK_EQ(decoder.next(input).bytes, "new");
    CHECK_EQ(decoder.next(input).kind, Event::Kind::body_end);
    decoder.release(1);
    CHECK_FALSE(decoder.owes_body());
  }

  TEST_CASE("each released request owes its own end of STDIN") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto bytes = head(1, kKeep) + head(3, kKeep);
    std::string_view input = bytes;
    for (const RequestId id : std::initializer_list<RequestId>{1, 3}) {
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
      decoder.release(id);
    }
    const auto ends = stdin_of(1, "") + stdin_of(1, "") + stdin_of(3, "");
    input = std::string_view(ends).substr(0, 16);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK(decoder.owes_body());
    input = std::string_view(ends).substr(16);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK_FALSE(decoder.owes_body());
  }

  TEST_CASE("a release before the end of an empty body takes the end back") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto bytes = head(1, kKeep) + stdin_of(1, "") + head(1, kKeep);
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.expect_body(1, 0);
    decoder.release(1);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::request);
  }

  TEST_CASE("the release of a request leaves the others as they are") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto heads = head(1, kKeep) + head(3, kKeep) + head(5, kKeep);
    std::string_view input = heads;
    for (const RequestId id : std::initializer_list<RequestId>{1, 3, 5}) {
      REQUIRE_EQ(decoder.next(input).id, id);
      decoder.expect_body(id, 4);
    }
    decoder.release(1);
    decoder.release(99);
    const auto bodies = stdin_of(1, "xxxx") + stdin_of(5, "five") + stdin_of(3, "3333");
    input = bodies;
    for (const auto& [id, text] :
         {std::pair<RequestId, std::string_view>{5, "five"}, {3, "3333"}}) {
      const auto event = decoder.next(input);
      CHECK_EQ(event.id, id);
      CHECK_EQ(event.bytes, text);
      CHECK_EQ(decoder.next(input).kind, Event::Kind::body_end);
    }
  }

  TEST_CASE("inside_head is true from a request's first byte to the end of its variables") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto bytes = head(1, kKeep);
    CHECK_FALSE(decoder.inside_head());
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      CAPTURE(i);
      std::string_view input = std::string_view(bytes).substr(i, 1);
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::starved);
      REQUIRE(decoder.inside_head());
    }
    std::string_view input = std::string_view(bytes).substr(bytes.size() - 1);
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    CHECK_FALSE(decoder.inside_head());
    decoder.expect_body(1, 0);

    const auto other = begin(3, kKeep);
    input = other;
    CHECK_EQ(decoder.next(input).kind, Event::Kind::body_end);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK(decoder.inside_head());
  }

  TEST_CASE("bytes that a released request still owes are no head") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto bytes = head(1, kKeep) + stdin_of(1, "late").substr(0, 5);
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.release(1);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK_FALSE(decoder.inside_head());
  }

  TEST_CASE("a request is held alone once its STDIN has ended, and while nothing follows") {
    using Sizes = std::vector<std::size_t>;
    const auto alone = [](const std::string& bytes, RequestId id = 1) {
      return held_alone(Wire::fastcgi, bytes, id);
    };
    const std::string ab = head(1, kKeep, announcing("2")) + stdin_of(1, "ab");
    const std::string whole = ab + stdin_of(1, "");
    const auto n = whole.size();
    CHECK_EQ(alone(whole), Sizes{n});
    CHECK_EQ(alone(whole, 2), Sizes{});
    CHECK_EQ(alone(head(1, kKeep) + stdin_of(1, "")), Sizes{head(1).size() + 8});
    const std::string bodiless = head(1, kKeep, announcing("0")) + stdin_of(1, "");
    CHECK_EQ(alone(bodiless), Sizes{bodiless.size()});
    // The body is complete before its stream is.
    CHECK_EQ(alone(ab), Sizes{});
    CHECK_EQ(alone(ab + stdin_of(1, "more than told") + stdin_of(1, "")), Sizes{n + 8 + 14});
    CHECK_EQ(alone(ab + stdin_of(1, "", 5)), Sizes{n + 5});
    // A record that follows belongs to the next decoder too, unless it is over.
    const std::string ask = record(9, 0, fastcgi_pairs({{"FCGI_MPXS_CONNS", ""}}));
    CHECK_EQ(alone(whole + ask), Sizes{n, n + ask.size()});
    CHECK_EQ(alone(whole + stdin_of(9, "unknown", 1)), Sizes{n, n + 8 + 7 + 1});
    CHECK_EQ(alone(whole + begin(2, kKeep)), Sizes{n});
    CHECK_EQ(alone(begin(2, kKeep) + whole), Sizes{});
    CHECK_EQ(alone(begin(2, kKeep) + whole + abort_request(2)), Sizes{16 + n + 8});
    CHECK_EQ(alone(whole + abort_request(1)), Sizes{n});
  }

  TEST_CASE("a request is not held alone while another, released, owes the end of its STDIN") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    const auto feed = [&](std::string_view bytes) {
      while (decoder.next(bytes).kind != Event::Kind::starved) continue;
    };
    const auto begin_body = [&](RequestId id) {
      const std::string bytes = head(id, kKeep);
      std::string_view input = bytes;
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
      decoder.expect_body(id, std::nullopt);
    };
    begin_body(1);
    decoder.release(1);
    begin_body(2);
    feed(stdin_of(2, ""));
    CHECK_FALSE(decoder.holds_only(2));
    feed(stdin_of(1, "late"));
    CHECK_FALSE(decoder.holds_only(2));
    feed(stdin_of(1, ""));
    CHECK(decoder.holds_only(2));
    decoder.release(2);
    CHECK_FALSE(decoder.holds_only(2));
  }

  TEST_CASE("a refused request is not held") {
    const std::string bytes = begin(1, kKeep) + params(1, "") + stdin_of(1, "");
    CHECK_EQ(held_alone(Wire::fastcgi, bytes, 1), std::vector<std::size_t>{});
  }

  TEST_CASE("nothing is held between requests, and while none of them is") {
    using Sizes = std::vector<std::size_t>;
    using Release = Driving::Release;
    const auto nothing = [](const std::string& bytes, Release release = Release::at_end) {
      return held_nothing(Wire::fastcgi, bytes, release);
    };
    const std::string whole =
        head(1, kKeep, announcing("2")) + stdin_of(1, "ab") + stdin_of(1, "", 5);
    const auto n = whole.size();
    CHECK_EQ(nothing(whole), Sizes{0, n});
    CHECK_EQ(nothing(whole + whole), Sizes{0, n, 2 * n});
    CHECK_EQ(nothing(whole, Release::never), Sizes{0});
    // Answered before its body was in. The remainder is not for another decoder.
    CHECK_EQ(nothing(whole, Release::at_once), Sizes{0, n});
    // A record that the decoder answers itself, or that belongs to no request, is over at its end.
    const std::string ask = record(9, 0, fastcgi_pairs({{"FCGI_MPXS_CONNS", ""}}), 3);
    CHECK_EQ(nothing(ask), Sizes{0, ask.size()});
    const std::string stray = stdin_of(9, "unknown", 1);
    CHECK_EQ(nothing(stray), Sizes{0, stray.size()});
    // A request has begun, whatever was answered beside it.
    CHECK_EQ(nothing(begin(2, kKeep)), Sizes{0});
    CHECK_EQ(nothing(begin(2, kKeep) + whole), Sizes{0});
    CHECK_EQ(nothing(begin(2, kKeep) + abort_request(2)), Sizes{0, 16 + 8});
    CHECK_EQ(nothing(whole + begin(2, kKeep)), Sizes{0, n});
  }

  TEST_CASE("a warm decoder allocates nothing for a request") {
    std::string pairs;
    for (int i = 0; i < 25; ++i) {
      pairs += fastcgi_pairs({{"HTTP_X_HEADER_" + std::to_string(i), "a value of common length"}});
    }
    const auto bytes = head(1, kKeep, pairs) + stdin_of(1, "");
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    gateway::VariableBlock block;
    const auto serve = [&] {
      std::string_view input = bytes;
      const bool got = decoder.next(input).kind == Event::Kind::request;
      decoder.take_variables(1, block);
      decoder.expect_body(1, 0);
      const bool ended = decoder.next(input).kind == Event::Kind::body_end;
      const bool starved = decoder.next(input).kind == Event::Kind::starved;
      decoder.release(1);
      return got && ended && starved && block.variables.size() == 25;
    };
    for (int warming = 0; warming < 3; ++warming) REQUIRE(serve());
    const auto before = fakes::allocations.load();
    bool all = true;
    for (int i = 0; i < 100; ++i) all = serve() && all;
    const auto after = fakes::allocations.load();
    CHECK(all);
    CHECK_EQ(before, after);
  }

  TEST_CASE("the memory of a head serves the next connection once it is taken or refused") {
    gateway::BlockPool blocks;
    FastcgiDecoder first{DecoderLimits{}, blocks};
    FastcgiDecoder second{DecoderLimits{}, blocks};
    gateway::VariableBlock block;
    block.bytes.assign(100, 'x');
    const char* const memory = block.bytes.data();
    const auto good = head(1, kKeep);
    std::string_view input = good;
    REQUIRE_EQ(first.next(input).kind, Event::Kind::request);
    first.take_variables(1, block);

    // The second decoder has the memory from its BEGIN to the refusal.
    const auto bad = begin(1, kKeep) + params(1, "");
    input = bad;
    REQUIRE_EQ(second.next(input).kind, Event::Kind::refused);

    const auto next = begin(3, kKeep) + params(3, kPairs) + params(3, "");
    input = next;
    REQUIRE_EQ(first.next(input).kind, Event::Kind::request);
    first.take_variables(3, block);
    CHECK_EQ(block.bytes.data(), memory);
  }

  TEST_CASE("a large request's memory is not kept for the next") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    std::string half;
    for (int i = 0; i < 500; ++i) half += fastcgi_pairs({{"A", std::string(120, 'v')}});
    const auto bytes = begin(1, kKeep) + params(1, half) + params(1, half) + params(1, "") +
                       stdin_of(1, "") + head(1, kKeep);
    gateway::VariableBlock block;
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.expect_body(1, 0);
    decoder.release(1);
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.take_variables(1, block);
    CHECK_LT(block.bytes.capacity(), half.size());
    CHECK_LT(block.variables.capacity(), 1000);
  }

  TEST_CASE("what a front owes of old requests does not make new ones slower") {
    const auto time_with = [](unsigned owed) {
      gateway::BlockPool blocks;
      FastcgiDecoder decoder{DecoderLimits{}, blocks};
      const auto begin_and_end = [&](unsigned id) {
        const auto bytes = begin(id, kKeep, kAuthorizer);
        std::string_view input = bytes;
        return decoder.next(input).kind;
      };
      for (unsigned id = 1; id <= owed; ++id) begin_and_end(id);
      auto best = std::chrono::nanoseconds::max();
      for (int round = 0; round < 5; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (unsigned id = 60000; id < 60200; ++id) begin_and_end(id);
        best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
      }
      CHECK(decoder.owes_body());
      return best;
    };
    CHECK_LT(time_with(59000).count(), 20 * time_with(10).count());
  }

  TEST_CASE("what is owed is forgotten with the end of each STDIN") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{DecoderLimits{}, blocks};
    std::string bytes;
    for (unsigned id = 1; id <= 65535; ++id) bytes += begin(id, kKeep, kAuthorizer);
    std::string_view input = bytes;
    while (decoder.next(input).kind == Event::Kind::reply) {
    }
    for (unsigned id = 65535; id >= 1; --id) {
      if (!decoder.owes_body()) FAIL("all are forgotten at ", id);
      const auto end = stdin_of(id, "");
      input = end;
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::starved);
    }
    CHECK_FALSE(decoder.owes_body());
    CHECK(decoder.holds_nothing());
  }

  TEST_CASE("the variables that arrive at once on a connection are bounded together") {
    gateway::BlockPool blocks;
    DecoderLimits limits;
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
}

}  // namespace
}  // namespace appd::protocol
