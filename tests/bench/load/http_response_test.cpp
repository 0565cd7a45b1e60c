// Tests of the load generator's check of HTTP responses.

#include "bench/load/http_response.hpp"

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
  bool stays;
};

const Case kRight[] = {
    {"a length", "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", 404, 5, true},
    {"no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0, true},
    {"chunks",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n"
     "0\r\n\r\n",
     200, 11, true},
    {"a last response", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", 200,
     2, false},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, 2, false},
};

struct WrongCase {
  std::string_view name;
  std::string bytes;
  std::string_view complaint;
};

const WrongCase kWrong[] = {
    {"nothing", "", "the connection was closed before its end"},
    {"half a head", "HTTP/1.1 200 OK\r\nConte", "the connection was closed before its end"},
    {"a short body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
     "the connection was closed before its end"},
    {"a long body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", "bytes follow its end"},
    {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
     "the connection was closed before its end"},
    {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
     "the connection was closed before its end"},
    {"another protocol", "Status: 200 OK\r\n\r\nhello", "not HTTP: bad version"},
    {"a status that is none", "HTTP/1.1 2x0 OK\r\n\r\n", "not HTTP: bad status"},
};

}  // namespace

TEST_SUITE("http response") {
  TEST_CASE("right responses end by themselves and have status and length in any cut") {
    for (const Case& right : kRight) {
      for (std::size_t size = 1; size <= right.bytes.size(); ++size) {
        CAPTURE(right.name);
        CAPTURE(size);
        HttpResponse response(false);
        response.begin();
        REQUIRE(take_in_pieces(response, right.bytes.substr(0, right.bytes.size() - 1), size));
        CHECK_FALSE(response.ended());
        REQUIRE(response.take(right.bytes.substr(right.bytes.size() - 1)));
        CHECK(response.ended());
        CHECK(response.take_end());
        CHECK(response.connection_stays() == right.stays);
        CHECK(response.status() == right.status);
        CHECK(response.length() == right.length);
      }
    }
  }

  TEST_CASE("a body without a length ends with its connection") {
    const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello";
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
      CAPTURE(size);
      HttpResponse response(false);
      response.begin();
      REQUIRE(take_in_pieces(response, bytes, size));
      CHECK_FALSE(response.ended());
      CHECK(response.take_end());
      CHECK(response.ended());
      CHECK_FALSE(response.connection_stays());
      CHECK(response.length() == 5);
    }
  }

  TEST_CASE("wrong responses are noticed in any cut") {
    for (const WrongCase& wrong : kWrong) {
      for (std::size_t size = 1; size <= 80; ++size) {
        CAPTURE(wrong.name);
        CAPTURE(size);
        HttpResponse response(false);
        response.begin();
        CHECK_FALSE((take_in_pieces(response, wrong.bytes, size) && response.take_end()));
        CHECK(response.complaint() == wrong.complaint);
      }
    }
  }

  TEST_CASE("a response to HEAD ends with its head") {
    HttpResponse response(true);
    response.begin();
    REQUIRE(response.take("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    CHECK(response.ended());
    CHECK(response.length() == 0);
  }

  TEST_CASE("nothing of a response is left for the next") {
    HttpResponse response(false);
    response.begin();
    REQUIRE(response.take("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"));
    response.begin();
    CHECK_FALSE(response.ended());
    REQUIRE(response.take("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    CHECK(response.ended());
    CHECK(response.status() == 200);
    CHECK(response.length() == 2);
  }
}

}  // namespace appd::load
