#include "bench/load/cgi_answer.hpp"

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

TEST_SUITE("cgi answer") {
  TEST_CASE("right answers have their status and length in any cut") {
    for (const Case& right : kRight) {
      for (std::size_t size = 1; size <= right.bytes.size(); ++size) {
        CAPTURE(right.name);
        CAPTURE(size);
        CgiAnswer answer(false);
        answer.begin();
        REQUIRE(take_in_pieces(answer, right.bytes, size));
        CHECK_FALSE(answer.ended());
        REQUIRE(answer.take_end());
        CHECK(answer.ended());
        CHECK(answer.status() == right.status);
        CHECK(answer.length() == right.length);
      }
    }
  }

  TEST_CASE("wrong answers are noticed in any cut") {
    for (const WrongCase& wrong : kWrong) {
      for (std::size_t size = 1; size <= 40; ++size) {
        CAPTURE(wrong.name);
        CAPTURE(size);
        CgiAnswer answer(false);
        answer.begin();
        CHECK_FALSE((take_in_pieces(answer, wrong.bytes, size) && answer.take_end()));
        CHECK(answer.complaint() == wrong.complaint);
        CHECK_FALSE(answer.ended());
      }
    }
  }

  TEST_CASE("an answer to HEAD has no body whatever its head announces") {
    CgiAnswer answer(true);
    answer.begin();
    REQUIRE(answer.take("Status: 200 OK\r\nContent-Length: 5\r\n\r\n"));
    CHECK(answer.take_end());
    CHECK(answer.length() == 0);
  }

  TEST_CASE("nothing of an answer is left for the next") {
    CgiAnswer answer(false);
    answer.begin();
    REQUIRE(answer.take("Status: 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"));
    REQUIRE(answer.take_end());
    answer.begin();
    CHECK_FALSE(answer.ended());
    REQUIRE(answer.take("X-A: 1\r\n\r\nhi"));
    REQUIRE(answer.take_end());
    CHECK(answer.status() == 200);
    CHECK(answer.length() == 2);
  }
}

}  // namespace appd::load
