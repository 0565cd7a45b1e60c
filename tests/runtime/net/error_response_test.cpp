// Tests of responses of the server's own.

#include "runtime/net/error_response.hpp"

#include <doctest/doctest.h>

#include <string>

using appd::net::ErrorResponse;

TEST_SUITE("error response") {
  TEST_CASE("status and reason are its text, whose length is announced") {
    const ErrorResponse response(413, "the body is too large");
    CHECK(response.head().status == "413 Content Too Large");
    CHECK(response.body() == "413 Content Too Large\nthe body is too large\n");
    CHECK(response.head().announces_length);
    CHECK(response.head().fields == "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " +
                                        std::to_string(response.body().size()) + "\r\n");
  }

  TEST_CASE("it tells when to try again where that is known") {
    const ErrorResponse response(503, "full", "7");
    CHECK(std::string(response.head().fields).ends_with("\r\nRetry-After: 7\r\n"));
  }
}
