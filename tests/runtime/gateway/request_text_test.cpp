// Tests of how log lines name a request.

#include "runtime/gateway/request_text.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/gateway/sent_variables.hpp"

namespace appd::gateway {
namespace {

/// A request of that method and URI, and its text.
struct Named {
  explicit Named(const std::string& uri, const std::string& method = "GET") {
    test::fill(request.block(), {{"REQUEST_METHOD", method}, {"REQUEST_URI", uri}});
    static_cast<void>(request.prepare({}, BodyEnd::on_wire, layouts));
  }
  std::string text() const { return request_text(request); }

  Request request;
  NameLayouts layouts;
};

}  // namespace

TEST_SUITE("request text") {
  TEST_CASE("a request is named by its method and URI") {
    CHECK(Named("/a?b=c").text() == "GET /a?b=c");
    CHECK(message_about(Named("/a").request, "what\nmore") == "GET /a: what\nmore");
  }

  TEST_CASE("nothing in it can end the line") {
    CHECK(Named("/a\r\nb\x7f\t").text() == "GET /a\\x0d\\x0ab\\x7f\\x09");
  }

  TEST_CASE("what is long is cut, and what is missing shows") {
    CHECK(Named("/" + std::string(255, 'a')).text() == "GET /" + std::string(255, 'a'));
    CHECK(Named("/" + std::string(256, 'a')).text() == "GET /" + std::string(255, 'a') + "...");
    CHECK(Named("/", std::string(33, 'M')).text() == std::string(32, 'M') + "... /");
    CHECK(Named("").text() == "GET ?");
  }
}

}  // namespace appd::gateway
