// Tests of the requests that the load generator encodes for each wire.

#include "bench/load/request_bytes.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <string_view>

namespace appd::load {
namespace {

using namespace std::string_literals;

using Variables = std::map<std::string, std::string>;

std::size_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes.at(at));
}

std::string take(std::string_view& from, std::size_t size) {
  REQUIRE(from.size() >= size);
  const std::string front(from.substr(0, size));
  from.remove_prefix(size);
  return front;
}

std::size_t take_pair_length(std::string_view& from) {
  if (byte_at(from, 0) < 128) return byte_at(take(from, 1), 0);
  const std::string bytes = take(from, 4);
  return (byte_at(bytes, 0) & 127) << 24 | byte_at(bytes, 1) << 16 | byte_at(bytes, 2) << 8 |
         byte_at(bytes, 3);
}

struct Received {
  Variables variables;
  std::string body;
};

Variables parse_pairs(std::string_view pairs) {
  Variables variables;
  while (!pairs.empty()) {
    const std::size_t name_size = take_pair_length(pairs);
    const std::size_t value_size = take_pair_length(pairs);
    const std::string name = take(pairs, name_size);
    variables[name] = take(pairs, value_size);
  }
  return variables;
}

/// The records of one type joined; each stream must end with an empty record.
Received parse_fastcgi(std::string_view bytes, char flags) {
  CHECK(take(bytes, 16) == "\1\1\0\1\0\10\0\0\0\1"s + flags + "\0\0\0\0\0"s);
  std::map<char, std::string> streams;
  std::map<char, bool> ended;
  while (!bytes.empty()) {
    const std::string header = take(bytes, 8);
    CHECK(header.substr(0, 1) + header.substr(2, 2) == "\1\0\1"s);
    CHECK_FALSE(ended[header[1]]);
    const std::size_t size = byte_at(header, 4) << 8 | byte_at(header, 5);
    streams[header[1]] += take(bytes, size);
    ended[header[1]] = size == 0;
  }
  CHECK((ended[4] && ended[5] && ended.size() == 2));
  return {parse_pairs(streams[4]), streams[5]};
}

Received parse_uwsgi(std::string_view bytes) {
  const auto take_size = [](std::string_view& from) {
    const std::string two = take(from, 2);
    return byte_at(two, 0) | byte_at(two, 1) << 8;
  };
  CHECK(take(bytes, 1) == "\0"s);
  std::size_t size = take_size(bytes);
  CHECK(take(bytes, 1) == "\0"s);
  const std::string block = take(bytes, size);
  Received received;
  for (std::string_view left = block; !left.empty();) {
    const std::string name = take(left, take_size(left));
    received.variables[name] = take(left, take_size(left));
  }
  received.body = bytes;
  return received;
}

Received parse_scgi(std::string_view bytes) {
  const std::size_t colon = bytes.find(':');
  const std::size_t size = std::stoul(take(bytes, colon));
  take(bytes, 1);
  const std::string block = take(bytes, size);
  CHECK(block.starts_with("CONTENT_LENGTH\0"s));
  CHECK(take(bytes, 1) == ",");
  Received received;
  for (std::string_view left = block; !left.empty();) {
    const std::string name = take(left, left.find('\0'));
    take(left, 1);
    received.variables[name] = take(left, left.find('\0'));
    take(left, 1);
  }
  received.body = bytes;
  return received;
}

void check(const Received& received, const RequestShape& shape) {
  Variables variables = received.variables;
  const bool has_body = shape.body > 0;
  CHECK(received.body == std::string(shape.body, 'x'));
  CHECK(variables["REQUEST_METHOD"] == shape.method);
  CHECK(variables["REQUEST_URI"] == shape.path);
  CHECK(variables["CONTENT_TYPE"] == (has_body ? "application/octet-stream" : ""));
  CHECK(variables["HTTP_COOKIE"] == "session=0123456789abcdef0123456789abcdef");
  CHECK(variables["SERVER_NAME"] == "bench.test");
}

const RequestShape kShapes[] = {{"/bench/path?a=1&b=2", "GET", 0},
                                {"/other", "POST", 1},
                                {"/other?" + std::string(300, 'q'), "PUT", 100'000}};

}  // namespace

TEST_SUITE("request bytes") {
  TEST_CASE("FastCGI: streams with all variables and the body; the flag says whether to keep") {
    for (const RequestShape& shape : kShapes) {
      for (const auto& [wire, flags] :
           {std::pair(Wire::fastcgi_kept, '\1'), std::pair(Wire::fastcgi, '\0')}) {
        const Received received = parse_fastcgi(make_request(wire, shape), flags);
        check(received, shape);
        CHECK(received.variables.size() == 25);
        CHECK(received.variables.at("CONTENT_LENGTH") ==
              (shape.body > 0 ? std::to_string(shape.body) : ""));
      }
    }
  }

  TEST_CASE("uwsgi: a packet with all variables, then the body") {
    for (const RequestShape& shape : kShapes) {
      const Received received = parse_uwsgi(make_request(Wire::uwsgi, shape));
      check(received, shape);
      CHECK(received.variables.size() == 25);
      CHECK(received.variables.at("CONTENT_LENGTH") ==
            (shape.body > 0 ? std::to_string(shape.body) : ""));
    }
  }

  TEST_CASE("SCGI: a netstring that begins with the length, then the body") {
    for (const RequestShape& shape : kShapes) {
      const Received received = parse_scgi(make_request(Wire::scgi, shape));
      check(received, shape);
      CHECK(received.variables.size() == 26);
      CHECK(received.variables.at("SCGI") == "1");
      CHECK(received.variables.at("CONTENT_LENGTH") == std::to_string(shape.body));
    }
  }

  TEST_CASE("HTTP: the same headers under their own names") {
    const std::string closed = make_request(Wire::http_closed, kShapes[1]);
    CHECK(closed.starts_with("POST /other HTTP/1.1\r\nHost: bench.test\r\n"));
    CHECK(closed.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(closed.ends_with("\r\nContent-Length: 1\r\n\r\nx"));
    const std::string kept = make_request(Wire::http, kShapes[0]);
    CHECK(kept.find("\r\nConnection: keep-alive\r\n") != std::string::npos);
    CHECK(kept.find("Content-") == std::string::npos);
    CHECK(kept.ends_with("\r\nCache-Control: max-age=0\r\n\r\n"));
  }

  TEST_CASE("the query is no part of PATH_INFO") {
    const Received received = parse_uwsgi(make_request(Wire::uwsgi, {"/a?b=c", "GET", 0}));
    CHECK(received.variables.at("PATH_INFO") == "/a");
    CHECK(received.variables.at("QUERY_STRING") == "b=c");
    const Received without = parse_uwsgi(make_request(Wire::uwsgi, {"/a", "GET", 0}));
    CHECK(without.variables.at("PATH_INFO") == "/a");
    CHECK(without.variables.at("QUERY_STRING") == "");
  }
}

}  // namespace appd::load
