// Tests of the load generator's check of uwsgi and SCGI responses.

#include "bench/load/cgi_response.hpp"

#include <doctest/doctest.h>

#include <string>

#include "bench/load/in_pieces.hpp"

namespace appd::load {
namespace {

struct Case {
  std::string_view name;
  std::string bytes;
  unsigned status;
  std::uint64_t length;
};

const Case kRight[] = {
    {"a CGI head", "Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nhello", 404, 5},
    {"an HTTP head", "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\n\r\nhello", 201, 5},
    {"no status at all", "Content-Type: text/plain\r\n\r\nhello", 200, 5},
    {"a status behind other lines", "X-A: 1\r\nstatus:503 Gone\r\n\r\n", 503, 0},
    {"the length that is announced", "Status: 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, 5},
    {"a body that looks like a head", "Status: 200 OK\r\n\r\nStatus: 500\r\n\r\n", 200, 15},
};

struct WrongCase {
  std::string_view name;
  std::string bytes;
  std::string_view complaint;
};

const WrongCase kWrong[] = {
    {"nothing", "", "its head breaks off after 0 bytes"},
    {"half a head", "Status: 200 OK\r\nConte", "its head breaks off after 21 bytes"},
    {"an end of the head that is cut", "Status: 200 OK\r\n\r",
     "its head breaks off after 17 bytes"},
    {"a line without a colon", "Status: 200 OK\r\nrubbish\r\n\r\nhello", "its head is none"},
    {"a status that is no number", "Status: fine\r\n\r\nhello", "its head is none"},
    {"a length that is no number", "Content-Length: x\r\n\r\nhello", "its head is none"},
    {"a short body", "Content-Length: 5\r\n\r\nhell", "its head announces 5 bytes of body, 4 came"},
    {"a long body", "Content-Length: 5\r\n\r\nhello!",
     "its head announces 5 bytes of body, 6 came"},
    {"a head without end", std::string(70'000, 'x'), "its head is none"},
};

}  // namespace

TEST_SUITE("cgi response") {
  TEST_CASE("right responses have their status and length in any cut") {
    for (const Case& right : kRight) {
      for (std::size_t size = 1; size <= right.bytes.size(); ++size) {
        CAPTURE(right.name);
        CAPTURE(size);
        CgiResponse response(false);
        response.begin();
        REQUIRE(take_in_pieces(response, right.bytes, size));
        CHECK_FALSE(response.ended());
        REQUIRE(response.take_end());
        CHECK(response.ended());
        CHECK(response.status() == right.status);
        CHECK(response.length() == right.length);
      }
    }
  }

  TEST_CASE("wrong responses are noticed in any cut") {
    for (const WrongCase& wrong : kWrong) {
      for (std::size_t size = 1; size <= 40; ++size) {
        CAPTURE(wrong.name);
        CAPTURE(size);
        CgiResponse response(false);
        response.begin();
        CHECK_FALSE((take_in_pieces(response, wrong.bytes, size) && response.take_end()));
        CHECK(response.complaint() == wrong.complaint);
        CHECK_FALSE(response.ended());
      }
    }
  }

  TEST_CASE("a response to HEAD has no body whatever its head announces") {
    CgiResponse response(true);
    response.begin();
    REQUIRE(response.take("Status: 200 OK\r\nContent-Length: 5\r\n\r\n"));
    CHECK(response.take_end());
    CHECK(response.length() == 0);
  }

  TEST_CASE("nothing of a response is left for the next") {
    CgiResponse response(false);
    response.begin();
    REQUIRE(response.take("Status: 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"));
    REQUIRE(response.take_end());
    response.begin();
    CHECK_FALSE(response.ended());
    REQUIRE(response.take("X-A: 1\r\n\r\nhi"));
    REQUIRE(response.take_end());
    CHECK(response.status() == 200);
    CHECK(response.length() == 2);
  }
}

}  // namespace appd::load
