// What tests of WSGI calls ask of a call's response and of its application.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "python_host.hpp"

namespace appd::test {

inline void check_complete(const MemoryExchange& exchange) {
  CHECK(exchange.ended);
  CHECK_FALSE(exchange.broken);
  CHECK(exchange.breaches == std::vector<std::string>{});
}

/// A response of the server's own, in place of the application's.
inline void check_error_response(const MemoryExchange& exchange) {
  check_complete(exchange);
  REQUIRE(exchange.head);
  CHECK(exchange.head->status == "500 Internal Server Error");
  CHECK(exchange.head->field("Content-Length") == std::to_string(exchange.sent.size()));
  CHECK(exchange.sent == "Internal Server Error\n");
}

/// What the last request left in `shared.events`.
inline std::string events() {
  return host().body_of(R"(
def application(environ, start_response):
    return respond(start_response, " ".join(shared.events))
)");
}

}  // namespace appd::test
