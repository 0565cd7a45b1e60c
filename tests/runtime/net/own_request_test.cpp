#include "runtime/net/own_request.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/request.hpp"

using namespace appd;
using net::encode_own_request;
using net::status_of_answer;
using protocol::Event;
using protocol::Wire;

namespace {

constexpr std::array kWires{Wire::fastcgi, Wire::uwsgi, Wire::scgi};

/// The one request in `bytes`, as a connection would make it.
struct Received {
  explicit Received(Wire wire, std::string_view bytes) {
    gateway::BlockPool blocks;
    const auto decoder = protocol::make_decoder(wire, {}, blocks);
    const Event event = decoder->next(bytes);
    REQUIRE(event.kind == Event::Kind::request);
    kept = event.keep_connection;
    decoder->take_variables(event.id, request.block());
    const auto end =
        wire == Wire::fastcgi ? gateway::BodyEnd::on_wire : gateway::BodyEnd::by_length;
    refused = request.prepare({}, end, layouts).has_value();
    REQUIRE(request.content_length());
    decoder->expect_body(event.id, *request.content_length());
    CHECK(decoder->next(bytes).kind == Event::Kind::body_end);
    decoder->release(event.id);
    CHECK(decoder->next(bytes).kind == Event::Kind::starved);
    CHECK_FALSE(decoder->owes_body());
  }

  bool kept = false;
  bool refused = false;
  gateway::NameLayouts layouts;
  gateway::Request request;
};

}  // namespace

TEST_SUITE("own request") {
  TEST_CASE("a decoder finds one whole request in it, and the connection ends with its answer") {
    for (const Wire wire : kWires) {
      CAPTURE(protocol::name(wire));
      const std::string bytes = encode_own_request(wire, "/a/b?c=d&e");
      const auto sniffed = protocol::sniff(bytes);
      CHECK(sniffed.kind == protocol::Sniffed::Kind::wire);
      CHECK(sniffed.wire == wire);
      Received received(wire, bytes);
      CHECK_FALSE(received.kept);
      CHECK_FALSE(received.refused);
      const gateway::Request& request = received.request;
      CHECK(request.method() == "GET");
      CHECK(request.uri() == "/a/b?c=d&e");
      CHECK(request.content_length() == 0);
      CHECK(request.url_scheme() == "http");
      for (const auto& sent : {std::pair{"PATH_INFO", "/a/b"},
                               {"QUERY_STRING", "c=d&e"},
                               {"SCRIPT_NAME", ""},
                               {"SERVER_NAME", "localhost"},
                               {"SERVER_PORT", "80"},
                               {"SERVER_PROTOCOL", "HTTP/1.1"},
                               {"REMOTE_ADDR", "127.0.0.1"},
                               {"HTTP_HOST", "localhost"},
                               {"HTTP_USER_AGENT", "appd"}}) {
        CAPTURE(sent.first);
        CHECK(request.find(sent.first) == sent.second);
      }
    }
  }

  TEST_CASE("a target without a query has none") {
    for (const Wire wire : kWires) {
      CAPTURE(protocol::name(wire));
      for (const std::string target : {"/", "/plain", "/empty?"}) {
        Received received(wire, encode_own_request(wire, target));
        CHECK(received.request.find("PATH_INFO") == target.substr(0, target.find('?')));
        CHECK(received.request.find("QUERY_STRING").empty());
        CHECK(received.request.uri() == target);
      }
    }
  }

  TEST_CASE("the status is found in each wire's answer, and only there") {
    const std::string record("\x01\x06\x00\x01\x00\x30\x00\x00", 8);
    CHECK(status_of_answer(Wire::fastcgi, record + "Status: 204 No Content\r\n") == 204);
    CHECK(status_of_answer(Wire::scgi, "Status: 404 Not Found\r\n") == 404);
    CHECK(status_of_answer(Wire::uwsgi, "HTTP/1.1 503 Service Unavailable\r\n") == 503);
    for (const Wire wire : kWires) {
      CAPTURE(protocol::name(wire));
      CHECK(status_of_answer(wire, "") == 0);
      CHECK(status_of_answer(wire, "rubbish") == 0);
      CHECK(status_of_answer(wire, wire == Wire::uwsgi ? "HTTP/1.1 " : "Status: ") == 0);
    }
    CHECK(status_of_answer(Wire::scgi, "HTTP/1.1 200 OK\r\n") == 0);
  }
}
