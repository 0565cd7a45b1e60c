// Tests of FastCGI sessions: bodies, multiplexing, aborts and management records.

#include "protocol/fastcgi_decoder.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "protocol/decoder_cases.hpp"
#include "protocol/fastcgi_heads.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

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
}

}  // namespace
}  // namespace appd::protocol
