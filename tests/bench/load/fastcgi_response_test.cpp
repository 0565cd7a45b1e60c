// Tests of the load generator's check of FastCGI responses.

#include "bench/load/fastcgi_response.hpp"

#include <doctest/doctest.h>

#include <string>

#include "bench/load/in_pieces.hpp"

namespace appd::load {
namespace {

using namespace std::string_literals;

std::string record(char type, std::string_view content, std::size_t padding = 0, char id = 1) {
  std::string out{1, type, 0, id};
  out += {static_cast<char>(content.size() >> 8), static_cast<char>(content.size() & 0xff)};
  out += {static_cast<char>(padding), 0};
  return out.append(content).append(padding, 'p');
}

std::string output(std::string_view content, std::size_t padding = 0) {
  return record(6, content, padding);
}

std::string end_request(char app_status = 0, char protocol_status = 0) {
  return record(3, std::string{0, 0, 0, app_status, protocol_status, 0, 0, 0});
}

const std::string kHead = "Status: 404 Not Found\r\nContent-Length: 5\r\n\r\n";
const std::string kRight[] = {
    output(kHead + "hello") + output("") + end_request(),
    output(kHead + "hello") + end_request(),  // the stream's end may be left out
    output(kHead) + output("hel", 5) + output("lo", 255) + output("") + end_request(),
    record(7, "a message") + output(kHead) + record(7, "") + output("hello") + end_request(),
};

struct WrongCase {
  std::string_view name;
  std::string bytes;
  std::string_view complaint;
};

const std::string kWhole = output(kHead + "hello") + output("") + end_request();
const WrongCase kWrong[] = {
    {"nothing", "", "the connection was closed before END_REQUEST"},
    {"no END_REQUEST", output(kHead + "hello") + output(""),
     "the connection was closed before END_REQUEST"},
    {"half a record", kWhole.substr(0, 30), "the connection was closed before END_REQUEST"},
    {"half an END_REQUEST", kWhole.substr(0, kWhole.size() - 1),
     "the connection was closed before END_REQUEST"},
    {"an application that failed", output(kHead + "hello") + end_request(7, 0),
     "it ended with application status 7, protocol status 0"},
    {"an overloaded server", output(kHead + "hello") + end_request(0, 2),
     "it ended with application status 0, protocol status 2"},
    {"an END_REQUEST alone", end_request(), "its head breaks off after 0 bytes"},
    {"a short body", output(kHead + "hell") + end_request(),
     "its head announces 5 bytes of body, 4 came"},
    {"a long body", output(kHead + "hello!") + end_request(),
     "its head announces 5 bytes of body, 6 came"},
    {"no head", output("hello\r\n\r\n") + end_request(), "its head is none"},
    {"bytes behind END_REQUEST", kWhole + "x", "bytes follow its END_REQUEST"},
    {"output behind its end", output(kHead + "hello") + output("") + output("x") + end_request(),
     "an STDOUT record after the stream's end"},
    {"another request's record", record(6, kHead, 0, 2), "a record for request 2 instead of 1"},
    {"a management record", record(10, ""), "a record of type 10"},
    {"another protocol", "HTTP/1.1 200 OK\r\n\r\n", "a record of version 72"},
    {"an END_REQUEST without a body", output(kHead + "hello") + record(3, ""),
     "an END_REQUEST of a wrong length"},
};

}  // namespace

TEST_SUITE("fastcgi response") {
  TEST_CASE("right responses end with END_REQUEST and have status and length in any cut") {
    for (const std::string& bytes : kRight) {
      for (std::size_t size = 1; size <= bytes.size(); ++size) {
        CAPTURE(size);
        FastcgiResponse response(false);
        response.begin();
        REQUIRE(take_in_pieces(response, bytes.substr(0, bytes.size() - 1), size));
        CHECK_FALSE(response.ended());
        REQUIRE(response.take(bytes.substr(bytes.size() - 1)));
        CHECK(response.ended());
        CHECK(response.take_end());
        CHECK(response.status() == 404);
        CHECK(response.length() == 5);
      }
    }
  }

  TEST_CASE("wrong responses are noticed in any cut") {
    for (const WrongCase& wrong : kWrong) {
      for (std::size_t size = 1; size <= 80; ++size) {
        CAPTURE(wrong.name);
        CAPTURE(size);
        FastcgiResponse response(false);
        response.begin();
        CHECK_FALSE((take_in_pieces(response, wrong.bytes, size) && response.take_end()));
        CHECK(response.complaint() == wrong.complaint);
      }
    }
  }

  TEST_CASE("nothing of a response is left for the next") {
    FastcgiResponse response(false);
    response.begin();
    REQUIRE(response.take(kWhole));
    response.begin();
    CHECK_FALSE(response.ended());
    REQUIRE(response.take(output("X-A: 1\r\n\r\nhi") + end_request()));
    CHECK(response.ended());
    CHECK(response.status() == 200);
    CHECK(response.length() == 2);
    response.begin();
    CHECK_FALSE(response.take(output("X-A: 1\r\n\r\nhi") + end_request(7)));
  }

  TEST_CASE("a response to HEAD has no body whatever its head announces") {
    FastcgiResponse response(true);
    response.begin();
    CHECK(response.take(output(kHead) + end_request()));
    CHECK(response.length() == 0);
  }
}

}  // namespace appd::load
