#include <doctest/doctest.h>

#include "python_host.hpp"

TEST_SUITE_BEGIN("wsgi call");

using namespace appd;
using namespace appd::test;

namespace {

PythonHost& host() {
  return PythonHost::instance();
}

}  // namespace

TEST_CASE("an application that returns a list of one bytes is sent whole with its length") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world"]
)");
  for (auto& e : host().log().take()) MESSAGE(e.message);
  REQUIRE(exchange->head);
  CHECK(exchange->head->status == "200 OK");
  CHECK(exchange->head->field("Content-Type") == "text/plain");
  CHECK(exchange->head->field("Content-Length") == "12");
  CHECK(exchange->sent == "Hello, world");
  CHECK(exchange->pieces.size() == 1);
  CHECK(exchange->ended);
  CHECK(exchange->breaches.empty());
}

TEST_SUITE_END();
