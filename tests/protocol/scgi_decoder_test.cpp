// Tests of SCGI requests, well-formed and malformed.

#include "protocol/scgi_decoder.hpp"

#include <doctest/doctest.h>

#include "protocol/decoder_cases.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

std::string request(Pairs headers) {
  return netstring(scgi_headers(headers));
}

TEST_SUITE("scgi decoder") {
  TEST_CASE("requests") {
    check_cases(
        Wire::scgi,
        {
            {"without body",
             request({{"CONTENT_LENGTH", "0"}, {"SCGI", "1"}, {"EMPTY", ""}}),
             {"request 0 close", "CONTENT_LENGTH=0", "SCGI=1", "EMPTY=", "end 0"}},
            {"with body",
             request({{"CONTENT_LENGTH", "5"}, {"SCGI", "1"}}) + "hello, and more",
             {"request 0 close", "CONTENT_LENGTH=5", "SCGI=1", "body 0 hello", "end 0"}},
            {"a body that does not end",
             request({{"CONTENT_LENGTH", "9"}, {"SCGI", "1"}}) + "hello",
             {"request 0 close", "CONTENT_LENGTH=9", "SCGI=1", "body 0 hello"}},
            {"SCGI=1 may be missing",
             request({{"CONTENT_LENGTH", "0"}, {"A", "1"}}),
             {"request 0 close", "CONTENT_LENGTH=0", "A=1", "end 0"}},
            {"a CONTENT_LENGTH that is no number is left to the request's cleaning",
             request({{"CONTENT_LENGTH", "x1"}, {"SCGI", "1"}, {"HTTP_CONTENT_LENGTH", "7"}}),
             {"request 0 close", "CONTENT_LENGTH=x1", "SCGI=1", "HTTP_CONTENT_LENGTH=7", "end 0"}},
            {"a head without its comma",
             request({{"CONTENT_LENGTH", "0"}}).substr(0, 20),
             {},
             {},
             true},
            {"digits only", "17", {}, {}, true},
        });
  }

  TEST_CASE("malformed requests are refused with the offset") {
    const std::string refused = "refused 0 400 close: malformed SCGI request: ";
    const auto at = [](int offset) {
      return ", at byte " + std::to_string(offset) + " of the connection";
    };
    check_cases(Wire::scgi,
                {
                    {"no digits",
                     ":",
                     {refused + "no decimal length of a netstring" + at(0)},
                     {},
                     false,
                     true},
                    {"a sign",
                     "-5:",
                     {refused + "no decimal length of a netstring" + at(0)},
                     {},
                     false,
                     true},
                    {"text",
                     "24x:",
                     {refused + "no decimal length of a netstring" + at(2)},
                     {},
                     false,
                     true},
                    {"a leading zero",
                     "024:",
                     {refused + "a netstring's length with a leading zero" + at(1)},
                     {},
                     false,
                     true},
                    {"nine digits",
                     "123456789:",
                     {refused + "a netstring's length of more than 8 digits" + at(8)},
                     {},
                     false,
                     true},
                    {"no headers", "0:,", {refused + "no headers" + at(2)}, {}, false, true},
                    {"no comma",
                     request({{"CONTENT_LENGTH", "0"}}).substr(0, 20) + ";",
                     {refused + "no comma after the netstring" + at(20)},
                     {},
                     false,
                     true},
                    {"a name without its end",
                     netstring(scgi_headers({{"CONTENT_LENGTH", "0"}}) + "NAME"),
                     {refused + "a variable that is cut off by the end of the block" + at(20)},
                     {},
                     false,
                     true},
                    {"an odd count of NULs",
                     netstring(scgi_headers({{"CONTENT_LENGTH", "0"}}) + std::string("NAME\0", 5)),
                     {refused + "a variable that is cut off by the end of the block" + at(20)},
                     {},
                     false,
                     true},
                    {"an empty name",
                     request({{"CONTENT_LENGTH", "0"}, {"", "x"}}),
                     {refused + "a variable that has an empty name" + at(20)},
                     {},
                     false,
                     true},
                    {"CONTENT_LENGTH not first",
                     request({{"SCGI", "1"}, {"CONTENT_LENGTH", "0"}}),
                     {refused + "CONTENT_LENGTH is not the first header" + at(3)},
                     {},
                     false,
                     true},
                });
  }

  TEST_CASE("headers above the limit are refused before all of them have come") {
    Driving limited;
    limited.limits.max_params = 40;
    const auto whole = request({{"CONTENT_LENGTH", "0"}, {"HTTP_COOKIE", std::string(500, 'c')}});
    const std::string excess =
        "refused 0 431 close: the request's variables are larger than 40 bytes (--max-params); the "
        "largest so far is HTTP_COOKIE with 22 bytes";
    check_cases(Wire::scgi, {{"its beginning", whole.substr(0, 44), {excess}, limited, false, true},
                             {"whole", whole + "body", {excess}, limited, false, true},
                             {"99999999 bytes announced", "99999999:", {}, limited, true}});
  }

  TEST_CASE("exactly the limit passes") {
    Driving limited;
    limited.limits.max_params = 17;
    check_case(Wire::scgi, {"17 bytes",
                            request({{"CONTENT_LENGTH", "0"}}),
                            {"request 0 close", "CONTENT_LENGTH=0", "end 0"},
                            limited});
  }
}

}  // namespace
}  // namespace appd::protocol
