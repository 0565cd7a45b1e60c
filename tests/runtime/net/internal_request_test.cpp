// Tests of the requests that appd sends to its application.

#include "runtime/net/internal_request.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "protocol/make_decoder.hpp"
#include "protocol/usual_limits.hpp"
#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/request.hpp"

using namespace appd;
using net::encode_internal_request;
using net::read_internal_response;
using protocol::Event;
using protocol::Wire;

namespace {

constexpr std::array kWires{Wire::fastcgi, Wire::uwsgi, Wire::scgi};

/// The one request in `bytes`, as a connection would make it.
struct Received {
  explicit Received(Wire wire, std::string_view bytes) {
    gateway::BlockPool blocks;
    const auto decoder = protocol::make_decoder(wire, protocol::testing::kUsualLimits, blocks);
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

TEST_SUITE("internal request") {
  TEST_CASE("a decoder finds one whole request in it, and the connection ends with its response") {
    for (const Wire wire : kWires) {
      CAPTURE(protocol::name(wire));
      const std::string bytes = encode_internal_request(wire, {.target = "/a/b?c=d&e"});
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
        Received received(wire, encode_internal_request(wire, {.target = target}));
        CHECK(received.request.find("PATH_INFO") == target.substr(0, target.find('?')));
        CHECK(received.request.find("QUERY_STRING").empty());
        CHECK(received.request.uri() == target);
      }
    }
  }

  TEST_CASE("host and scheme are the request's") {
    struct Row {
      const char* host;
      bool https;
      const char* name;
      const char* port;
    };
    for (const Wire wire : kWires) {
      for (const Row& row :
           {Row{"example.org", true, "example.org", "443"},
            Row{"example.org", false, "example.org", "80"},
            Row{"example.org:8443", true, "example.org", "8443"},
            Row{"[::1]", true, "[::1]", "443"}, Row{"[::1]:8000", false, "[::1]", "8000"}}) {
        CAPTURE(protocol::name(wire));
        CAPTURE(row.host);
        const net::InternalRequest own{.target = "/x", .host = row.host, .https = row.https};
        Received received(wire, encode_internal_request(wire, own));
        CHECK_FALSE(received.refused);
        CHECK(received.request.url_scheme() == (row.https ? "https" : "http"));
        CHECK(received.request.find("HTTP_HOST") == row.host);
        CHECK(received.request.find("SERVER_NAME") == row.name);
        CHECK(received.request.find("SERVER_PORT") == row.port);
      }
    }
  }

  TEST_CASE("status and location are found in each wire's response, and only in its head") {
    const auto record = [](char type, const std::string& content) {
      std::string bytes{'\1', type, '\0', '\1', '\0', static_cast<char>(content.size()),
                        '\2', '\0'};
      return bytes + content + "pp";
    };
    const std::string rest =
        "Content-Type: text/plain\r\nlocation: https://a/b\r\n\r\nLocation: /c\r\n";
    for (const Wire wire : kWires) {
      CAPTURE(protocol::name(wire));
      const std::string begin = wire == Wire::uwsgi ? "HTTP/1.1 " : "Status: ";
      const auto framed = [&](const std::string& text) {
        if (wire != Wire::fastcgi) return text;
        return record(7, "Status: 500 An error text") + record(6, text.substr(0, 20)) +
               record(6, text.substr(20));
      };
      const auto moved =
          read_internal_response(wire, framed(begin + "301 Moved Permanently\r\n" + rest));
      CHECK(moved.status == 301);
      CHECK(moved.location == "https://a/b");
      const auto plain = read_internal_response(
          wire, framed(begin + "204 No Content\r\nLocations: /d\r\n\r\nLocation: /c\r\n"));
      CHECK(plain.status == 204);
      CHECK(plain.location.empty());
      for (const std::string& bad : {std::string(), std::string("rubbish"), begin}) {
        CHECK(read_internal_response(wire, bad).status == 0);
      }
    }
    CHECK(read_internal_response(Wire::scgi, "HTTP/1.1 200 OK\r\n").status == 0);
  }
}
