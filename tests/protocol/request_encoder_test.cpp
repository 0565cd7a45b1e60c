// Tests that encoded requests decode to what they were.

#include "protocol/request_encoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "protocol/captures.hpp"
#include "protocol/decoder_cases.hpp"
#include "protocol/usual_limits.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

/// What a connection has of one request.
struct Parts {
  RequestId id = 0;
  bool keep = false;
  gateway::VariableBlock variables;
  std::string body;
};

/// The parts of the only request in `bytes`; std::nullopt if there are more, or it is incomplete.
std::optional<Parts> take_apart(Wire wire, std::string_view bytes) {
  gateway::BlockPool blocks;
  const auto decoder = make_decoder(wire, kUsualLimits, blocks);
  Parts parts;
  int requests = 0;
  int ended = 0;
  for (Event event = decoder->next(bytes); event.kind != Event::Kind::starved;
       event = decoder->next(bytes)) {
    switch (event.kind) {
      case Event::Kind::request:
        parts.id = event.id;
        parts.keep = event.keep_connection;
        decoder->take_variables(event.id, parts.variables);
        decoder->expect_body(event.id, body_length(wire, parts.variables));
        ++requests;
        break;
      case Event::Kind::body:
        parts.body += event.bytes;
        break;
      case Event::Kind::body_end:
        ++ended;
        break;
      default:
        return std::nullopt;
    }
  }
  if (requests != 1 || ended != 1) return std::nullopt;
  return parts;
}

std::string put_together(Wire wire, const Parts& parts) {
  return encode_request(wire, parts.id, parts.keep, parts.variables.variables, parts.body);
}

/// Checks that a decoder gives the same events for `bytes` and for the parts of `bytes` encoded
/// again.
void check_same_events(Wire wire, std::string_view bytes) {
  const auto parts = take_apart(wire, bytes);
  REQUIRE(parts);
  const std::string again = put_together(wire, *parts);
  const Driving driving{.release = Driving::Release::never};
  const EventLog expected = decode(wire, bytes, bytes.size(), driving);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, again.size()}) {
    CAPTURE(chunk);
    REQUIRE_EQ(decode(wire, again, chunk, driving).events, expected.events);
  }
}

/// The same of HTTP, whose fields may come in another order.
void check_same_variables(std::string_view bytes) {
  const auto sorted = [](std::string_view input) {
    auto events = decode(Wire::http, input, input.size(), {}).events;
    std::sort(events.begin(), events.end());
    return events;
  };
  const auto parts = take_apart(Wire::http, bytes);
  REQUIRE(parts);
  REQUIRE_EQ(sorted(put_together(Wire::http, *parts)), sorted(bytes));
}

/// PARAMS or a body in records as the specification has it, then the stream's end.
std::string in_records(unsigned type, unsigned id, std::string_view content) {
  std::string records;
  for (std::size_t at = 0; at < content.size(); at += 30'000) {
    records += record(type, id, content.substr(at, 30'000));
  }
  return records + record(type, id, "");
}

/// A request as another writer would send it.
std::string sent(Wire wire, std::string_view body, Pairs more = {}, unsigned flags = kClose) {
  const std::string length = std::to_string(body.size());
  const auto with = [&](auto&& write) { return write({{"CONTENT_LENGTH", length}}) + write(more); };
  switch (wire) {
    case Wire::fastcgi:
      return begin(7, flags) + in_records(4, 7, with(fastcgi_pairs)) + in_records(5, 7, body);
    case Wire::uwsgi:
      return uwsgi_packet(with(uwsgi_block)).append(body);
    case Wire::scgi:
      return netstring(with(scgi_headers)).append(body);
    case Wire::http:
      break;  // has fields, and no variables
  }
  return {};
}

constexpr std::array kWires{Wire::fastcgi, Wire::uwsgi, Wire::scgi};

std::string numbers(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  return text.substr(0, size);
}

TEST_SUITE("request encoder") {
  TEST_CASE("writes what another writer of the wire writes") {
    // The last value that a short length in FastCGI can hold, and the first that needs a long one.
    const std::string shorter(127, 's');
    const std::string longer(128, 'l');
    const std::vector<gateway::Variable> variables{
        {"CONTENT_LENGTH", "4"}, {"EMPTY", ""}, {"SHORT", shorter}, {"LONG", longer}};
    const Pairs pairs{{"CONTENT_LENGTH", "4"}, {"EMPTY", ""}, {"SHORT", shorter}, {"LONG", longer}};
    CHECK_EQ(encode_request(Wire::fastcgi, 258, true, variables, "body"),
             begin(258, kKeep) + params(258, fastcgi_pairs(pairs)) + params(258, "") +
                 stdin_of(258, "body") + stdin_of(258, ""));
    CHECK_EQ(encode_request(Wire::fastcgi, 1, false, variables, ""),
             begin(1, kClose) + params(1, fastcgi_pairs(pairs)) + params(1, "") + stdin_of(1, ""));
    CHECK_EQ(encode_request(Wire::uwsgi, 0, false, variables, "body"),
             uwsgi_packet(uwsgi_block(pairs)) + "body");
    CHECK_EQ(encode_request(Wire::scgi, 0, false, variables, "body"),
             netstring(scgi_headers(pairs)) + "body");
  }

  TEST_CASE("names and values of every length come back") {
    std::vector<std::string> texts;
    for (const std::size_t size : {0u, 1u, 2u, 126u, 127u, 128u, 129u, 255u, 256u, 300u, 17'000u}) {
      texts.push_back(std::string(size, static_cast<char>('A' + texts.size())));
    }
    for (const Wire wire : kWires) {
      CAPTURE(name(wire));
      for (const std::string& one : texts) {
        CAPTURE(one.size());
        if (!one.empty()) check_same_events(wire, sent(wire, "b", {{one, "value"}, {"LAST", "1"}}));
        check_same_events(wire, sent(wire, "b", {{"NAME", one}, {"LAST", "1"}}));
      }
    }
  }

  TEST_CASE("more variables than a record holds come back") {
    // Sizes around the limits of one record and of two, with the bytes that precede the value.
    for (const std::size_t size : {65'400u, 65'535u, 70'000u, 131'070u, 200'000u}) {
      CAPTURE(size);
      const std::string value = numbers(size);
      for (const Wire wire : {Wire::fastcgi, Wire::scgi}) {
        check_same_events(wire, sent(wire, "b", {{"LONG", value}, {"LAST", "1"}}));
      }
    }
    const std::string most = numbers(65'535 - 2 * 2 - 15 - 2 * 2 - 4);
    check_same_events(Wire::uwsgi, sent(Wire::uwsgi, "b", {{"LONG", most}}));
  }

  TEST_CASE("bodies of every size come back, on connections that stay and that do not") {
    for (const Wire wire : kWires) {
      for (const std::size_t size : {0u, 1u, 65'535u, 65'536u, 70'000u}) {
        for (const unsigned flags : {kClose, kKeep}) {
          CAPTURE(name(wire));
          CAPTURE(size);
          CAPTURE(flags);
          check_same_events(wire, sent(wire, numbers(size), {{"LAST", "1"}}, flags));
        }
      }
    }
  }

  TEST_CASE("a body whose length nobody told comes back") {
    const std::string bytes = begin(1, kKeep) + params(1, fastcgi_pairs({{"A", "1"}})) +
                              params(1, "") + stdin_of(1, "some") + stdin_of(1, "");
    check_same_events(Wire::fastcgi, bytes);
  }

  TEST_CASE("SCRIPT_NAME is cut off PATH_INFO once, not again") {
    const std::string bytes = uwsgi_packet(
        uwsgi_block({{"SCRIPT_NAME", "/a"}, {"PATH_INFO", "/a/a/x"}, {"CONTENT_LENGTH", ""}}), 30);
    check_same_events(Wire::uwsgi, bytes);
  }

  TEST_CASE("an HTTP request comes back, in no more bytes") {
    const std::string host = "a-long-name.example.test:8080";
    for (const std::string& head :
         {"GET /a?b HTTP/1.1\r\nHost: " + host, std::string("OPTIONS * HTTP/1.1\r\nHost: a"),
          "GET http://" + host + "/a?b HTTP/1.1\r\nHost: b", "GET http://" + host + "/ HTTP/1.0",
          "GET http://" + host + "/ HTTP/1.1\r\nHost: ", std::string("GET / HTTP/1.0")}) {
      CAPTURE(head);
      const std::string bytes = head + "\r\nX: y\r\n\r\n";
      check_same_variables(bytes);
      CHECK(put_together(Wire::http, *take_apart(Wire::http, bytes)).size() <= bytes.size());
    }
  }

  TEST_CASE("what real front servers sent comes back") {
    std::size_t fit = 0;
    for_each_capture([&](const std::string& name, const std::string& bytes) {
      const Wire wire = wire_of(name);
      if (!take_apart(wire, bytes)) return;
      check_same_events(wire, bytes);
      ++fit;
    });
    CHECK_GT(fit, 150);
  }
}

}  // namespace
}  // namespace appd::protocol
