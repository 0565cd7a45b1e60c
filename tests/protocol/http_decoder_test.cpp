// Tests of HTTP requests, well-formed and malformed.

#include "protocol/http_decoder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocol/decoder_cases.hpp"
#include "protocol/proxy_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

using Lines = std::vector<std::string>;

/// What comes of a request line and a Host, with the fields between.
Lines request(const std::string& method, const std::string& target, const Lines& fields = {},
              const std::string& kind = "keep", const std::string& host = "a.test") {
  const std::size_t mark = target.find('?');
  Lines lines{
      "request 0 " + kind, "REQUEST_METHOD=" + method, "REQUEST_URI=" + target,
      "QUERY_STRING=" + (mark == std::string::npos ? "" : target.substr(mark + 1)),
      std::string("SERVER_PROTOCOL=HTTP/1.") + (kind.find("old") == std::string::npos ? "1" : "0")};
  if (!host.empty()) lines.push_back("HTTP_HOST=" + host);
  lines.insert(lines.end(), fields.begin(), fields.end());
  for (const char* end : {"REMOTE_ADDR=192.0.2.7", "REMOTE_PORT=40000", "SERVER_PORT=8000"}) {
    lines.emplace_back(end);
  }
  if (host.empty()) lines.emplace_back("SERVER_NAME=198.51.100.1");
  return lines;
}

Lines operator+(Lines lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

const std::string kHost = "Host: a.test\r\n";

std::string get(const std::string& target, const std::string& fields = {}) {
  return "GET " + target + " HTTP/1.1\r\n" + kHost + fields + "\r\n";
}

std::string post(const std::string& fields, const std::string& body = {}) {
  return "POST / HTTP/1.1\r\n" + kHost + fields + "\r\n" + body;
}

/// A row whose request is refused at once. What still comes is swallowed.
DecoderCase refused(const char* name, std::string bytes, unsigned status, const std::string& why) {
  return {
      name, std::move(bytes), {"refused 0 " + std::to_string(status) + " close: " + why}, {}, false,
      true};
}

TEST_SUITE("http decoder") {
  TEST_CASE("requests") {
    const Lines end{"end 0"};
    check_cases(
        Wire::http,
        {
            {"a plain one", get("/a?b=c"), request("GET", "/a?b=c") + end},
            {"any method", "BREW /pot HTTP/1.1\r\n" + kHost + "\r\n",
             request("BREW", "/pot") + end},
            {"fields become variables", get("/", "X-One: 1\r\nAccept:  a , b\t \r\nEmpty:\r\n"),
             request("GET", "/", {"HTTP_X_ONE=1", "HTTP_ACCEPT=a , b", "HTTP_EMPTY="}) + end},
            {"a name with an underscore would pass for another", get("/", "X_One: 2\r\n"),
             request("GET", "/") + end},
            {"bytes beyond ASCII are kept", get("/\xc3\xa4", "X: \xe4\r\n"),
             request("GET", "/\\xc3\\xa4", {"HTTP_X=\\xe4"}) + end},
            {"a body with a length", post("Content-Type: t\r\nContent-Length: 5\r\n", "hello"),
             request("POST", "/", {"CONTENT_TYPE=t", "CONTENT_LENGTH=5"}) +
                 Lines{"body 0 hello", "end 0"}},
            {"a length of 0", post("Content-Length: 0\r\n"),
             request("POST", "/", {"CONTENT_LENGTH=0"}) + end},
            {"a body in chunks",
             post("Transfer-Encoding: Chunked\r\n", "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: t\r\n\r\n"),
             request("POST", "/", {"HTTP_TRANSFER_ENCODING=Chunked"}) +
                 Lines{"body 0 abcde", "end 0"}},
            {"the client waits", post("Content-Length: 2\r\nExpect: 100-Continue\r\n", "ab"),
             request("POST", "/", {"CONTENT_LENGTH=2", "HTTP_EXPECT=100-Continue"}, "keep awaits") +
                 Lines{"body 0 ab", "end 0"}},
            {"nobody waits without a body", get("/", "Expect: 100-continue\r\n"),
             request("GET", "/", {"HTTP_EXPECT=100-continue"}) + end},
            {"a client of HTTP/1.0 waits for nothing",
             "POST / HTTP/1.0\r\n" + kHost + "Content-Length: 1\r\nExpect: 100-continue\r\n\r\nx",
             request("POST", "/", {"CONTENT_LENGTH=1", "HTTP_EXPECT=100-continue"}, "close old") +
                 Lines{"body 0 x", "end 0"}},
            {"the last request", get("/", "Connection: Foo, Close\r\n") + get("/lost"),
             request("GET", "/", {"HTTP_CONNECTION=Foo, Close"}, "close") + end},
            {"several, and blank lines between", get("/1") + "\r\n" + get("/2") + get("/3"),
             request("GET", "/1") + end + request("GET", "/2") + end + request("GET", "/3") + end},
            {"after a body", post("Content-Length: 1\r\n", "x") + get("/2"),
             request("POST", "/", {"CONTENT_LENGTH=1"}) + Lines{"body 0 x", "end 0"} +
                 request("GET", "/2") + end},
            {"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n",
             request("GET", "/", {}, "close old", "") + end},
            {"HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
             request("GET", "/", {"HTTP_CONNECTION=keep-alive"}, "keep old", "") + end},
            {"an absolute target has the host",
             "GET http://b.test:81/x?y HTTP/1.1\r\n" + kHost + "\r\n",
             request("GET", "http://b.test:81/x?y", {}, "keep", "b.test:81") + end},
            {"a host that is an address", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n\r\n",
             request("GET", "/", {}, "keep", "[2001:db8::1]:81") + end},
            {"a host with a colon and no port", "GET / HTTP/1.1\r\nHost: a_%41.test:\r\n\r\n",
             request("GET", "/", {}, "keep", "a_%41.test:") + end},
            {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n",
             request("OPTIONS", "*") + end},
            {"a head that does not end", get("/").substr(0, 30), {}, {}, true},
            {"a body that does not end", post("Content-Length: 5\r\n", "hel"),
             request("POST", "/", {"CONTENT_LENGTH=5"}) + Lines{"body 0 hel"}},
            {"no byte", "", {}},
            {"a blank line alone is no request", "\r\n", {}},
            {"half of one is none", "\r", {}},
        });
  }

  TEST_CASE("refused at once") {
    const std::string line = "the request line ends with no version of HTTP";
    const std::string both =
        "the request has both Content-Length and Transfer-Encoding, or one of them twice";
    const std::string number = "Content-Length is not one number of bytes";
    const std::string coding = "the only Transfer-Encoding that is understood is chunked";
    const std::string name = "a field's name is none";
    const std::string value = "a field's value has bytes that none may have";
    check_cases(
        Wire::http,
        {
            refused("TLS", "\x16\x03\x01", 400,
                    "these are bytes of TLS, and this is plain HTTP: put TLS in front of appd"),
            refused("FastCGI", std::string("\x01\x01\x00\x01", 4), 400,
                    "the bytes are no request of HTTP"),
            refused("a CR alone before it", "\rGET", 400,
                    "a CR before the request is followed by no LF"),
            refused("a third blank line", "\r\n\r\n", 400, "the bytes are no request of HTTP"),
            refused("HTTP/2", "PRI * HTTP/2.0\r\n", 505,
                    "this is HTTP/2, and appd speaks HTTP/1.1 with proxies and clients"),
            refused("HTTP/1.2", "GET / HTTP/1.2\r\n", 505,
                    "only HTTP/1.1 and HTTP/1.0 are spoken here"),
            refused("HTTP/0.9", "GET /\r\n", 400, line),
            refused("a version of another case", "GET / http/1.1\r\n", 400, line),
            refused("a blank after the version", "GET / HTTP/1.1 \r\n", 400, line),
            refused("LF alone", "GET / HTTP/1.1\n", 400,
                    "a line of the request's head ends in LF without CR"),
            refused("LF alone after a field", "GET / HTTP/1.1\r\nHost: a\n", 400,
                    "a line of the request's head ends in LF without CR"),
            refused("LF alone as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400,
                    "a line of the request's head ends in LF without CR"),
            refused("CR alone", get("/", "X: a\rb\r\n"), 400,
                    "the request's head is malformed: bad line ending"),
            refused("two blanks", "GET  / HTTP/1.1\r\n" + kHost + "\r\n", 400,
                    "the request's target has bytes that none may have"),
            refused("a blank in the target", "GET /a b HTTP/1.1\r\n" + kHost + "\r\n", 400, line),
            refused("a target that is none", "GET a HTTP/1.1\r\n" + kHost + "\r\n", 400,
                    "the request's target is neither a path nor an http address"),
            refused("a target of another scheme", "GET ftp://a/ HTTP/1.1\r\n" + kHost + "\r\n", 400,
                    "the request's target is neither a path nor an http address"),
            refused("a target without a host", "GET http:///x HTTP/1.1\r\n" + kHost + "\r\n", 400,
                    "the request's target is neither a path nor an http address"),
            refused("a star for GET", "GET * HTTP/1.1\r\n" + kHost + "\r\n", 400,
                    "the request's target is neither a path nor an http address"),
            refused("CONNECT", "CONNECT a:1 HTTP/1.1\r\n" + kHost + "\r\n", 405,
                    "CONNECT is for proxies"),
            refused("a method that is too long",
                    std::string(33, 'M') + " / HTTP/1.1\r\n" + kHost + "\r\n", 501,
                    "the method has 33 bytes: more than 32 are no method"),
            refused("a fold", "GET / HTTP/1.1\r\nX: a\r\n b\r\n", 400,
                    "a field's line begins with a blank"),
            refused("a blank before the colon", get("/", "X : a\r\n"), 400, name),
            refused("no colon", get("/", "Xa\r\n"), 400, name),
            refused("no name", get("/", ": a\r\n"), 400, name),
            refused("NUL in a value", get("/", std::string("X: a\0b\r\n", 8)), 400, value),
            refused("no Host", "GET / HTTP/1.1\r\n\r\n", 400, "the request has no Host field"),
            refused("two Hosts", get("/", kHost), 400, "the request has two Host fields"),
            refused("a Host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host without the end of its address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
                    400, "the Host field is no host"),
            refused("a Host with no address", "GET / HTTP/1.1\r\nHost: [a.test]\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host with a bracket", "GET / HTTP/1.1\r\nHost: a]\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host with a port that is none", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host with two ports", "GET / HTTP/1.1\r\nHost: [::1]:1:2\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host with a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host beyond ASCII", "GET / HTTP/1.1\r\nHost: \xc3\xa4.test\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400,
                    "the Host field is no host"),
            refused("two types", get("/", "Content-Type: a\r\nContent-Type: a\r\n"), 400,
                    "the request has two Content-Type fields"),
            refused("two lengths", post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400, number),
            refused("the same length twice", post("Content-Length: 1\r\nContent-Length: 1\r\n"),
                    400, number),
            refused("a list of lengths", post("Content-Length: 1, 1\r\n"), 400, number),
            refused("a signed length", post("Content-Length: +1\r\n"), 400, number),
            refused("a negative length", post("Content-Length: -1\r\n"), 400, number),
            refused("a length of another base", post("Content-Length: 0x1\r\n"), 400, number),
            refused("an empty length", post("Content-Length:\r\n"), 400, number),
            refused("a length that no file has", post("Content-Length: 9223372036854775808\r\n"),
                    400, number),
            refused("a length that overflows", post("Content-Length: 18446744073709551617\r\n"),
                    400, number),
            refused("a length and chunks",
                    post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400, both),
            refused("chunks and a length",
                    post("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), 400, number),
            refused("chunked twice",
                    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
                    both),
            refused("chunked in a list", post("Transfer-Encoding: chunked, chunked\r\n"), 501,
                    coding),
            refused("gzip", post("Transfer-Encoding: gzip\r\n"), 400, coding),
            refused("gzip, then chunks", post("Transfer-Encoding: gzip, chunked\r\n"), 501, coding),
            refused("chunked, then gzip", post("Transfer-Encoding: chunked, gzip\r\n"), 400,
                    coding),
            refused("identity", post("Transfer-Encoding: identity\r\n"), 400, coding),
            refused("nearly chunked", post("Transfer-Encoding: xchunked\r\n"), 501, coding),
            refused("an empty coding", post("Transfer-Encoding:\r\n"), 400, coding),
            refused("chunks and a length under another name",
                    post("Content-Length: 1\r\nTransfer-Encoding: identity\r\n"), 400, both),
            refused("a body of TRACE",
                    "TRACE / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\n\r\nx", 400,
                    "a TRACE request must not have a body"),
            refused("another expectation", post("Content-Length: 1\r\nExpect: tea\r\n"), 417,
                    "the request expects something other than 100-continue"),
        });
    DecoderCase old =
        refused("chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                "HTTP/1.0 has no Transfer-Encoding");
    check_case(Wire::http, old);
  }

  TEST_CASE("limits") {
    Driving limited;
    limited.limits.max_params = 64;
    const std::string too_large = "the request's head has more than --max-params 64 bytes";
    const std::string fits = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(64 - 32, 'x');
    DecoderCase row = refused("too large", fits + "x\r\n\r\n", 431,
                              too_large + "; the largest field so far is X with 36 bytes");
    row.driving = limited;
    check_case(Wire::http, row);
    row = refused("too large, and without an end", std::string(20, 'A') + fits, 431,
                  too_large + "; the largest field so far is X with 20 bytes");
    row.driving = limited;
    check_case(Wire::http, row);
    row = refused(
        "the largest is not the last",
        "GET / HTTP/1.1\r\nLong-One: " + std::string(20, 'l') + "\r\nX: " + std::string(20, 'x'),
        431, too_large + "; the largest field so far is Long-One with 30 bytes");
    row.driving = limited;
    check_case(Wire::http, row);
    row = refused("too large, and no field", "GET / HTTP/1.1\r\n" + std::string(60, ' '), 431,
                  too_large);
    row.driving = limited;
    check_case(Wire::http, row);
    CHECK(decode(Wire::http, fits + "\r\n\r\n", 7, limited).events.front() == "request 0 keep");

    const std::string path(HttpHeadScanner::kMostRequestLine - 13, 'p');
    const auto line = [](const std::string& target) {
      return "GET " + target + " HTTP/1.1\r\n" + kHost + "\r\n";
    };
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{1000}, std::size_t{100'000}}) {
      CHECK(decode(Wire::http, line("/" + path.substr(1)), chunk).events.front() ==
            "request 0 keep");
      const std::string over = "refused 0 414 close: the request line has more than 8192 bytes";
      CHECK(decode(Wire::http, line("/" + path), chunk).events == Lines{over});
      CHECK(decode(Wire::http, "GET /" + path + path, chunk).events == Lines{over});
    }
    std::string many;
    for (int i = 0; i < 999; ++i) many += "A: b\r\n";
    CHECK(decode(Wire::http, get("/", many), 5000).events.front() == "request 0 keep");
    CHECK(decode(Wire::http, get("/", many + "A: b\r\n"), 5000).events.front().substr(0, 13) ==
          "refused 0 431");
  }

  TEST_CASE("chunks that are none cut the body and end the connection") {
    const std::string head = "Transfer-Encoding: chunked\r\n";
    const Lines begun = request("POST", "/", {"HTTP_TRANSFER_ENCODING=chunked"});
    check_cases(Wire::http,
                {{"at once",
                  post(head, "x") + get("/"),
                  begun + Lines{"cut 0: the chunked body has a chunk without a size (byte 62 of "
                                "the connection)"},
                  {},
                  false,
                  true},
                 {"later",
                  post(head, "1\r\nabc"),
                  begun + Lines{"body 0 a",
                                "cut 0: the chunked body goes on after the end of a "
                                "chunk (byte 66 of the connection)"},
                  {},
                  false,
                  true}});
  }

  TEST_CASE("chunks that come together are one portion of the body, with what ends them after it") {
    gateway::BlockPool blocks;
    gateway::VariableBlock block;
    const std::string head = post("Transfer-Encoding: chunked\r\n");
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "1\r\nx\r\n";
    struct Row {
      std::string end;
      Event::Kind kind;
    };
    for (const Row& row : {Row{"", Event::Kind::starved}, Row{"0\r\n\r\n", Event::Kind::body_end},
                           Row{"x", Event::Kind::body_cut}}) {
      for (const bool released : {false, true}) {
        CAPTURE(row.end);
        CAPTURE(released);
        HttpDecoder decoder(kUsualLimits, blocks, kEnds);
        const std::string bytes = head + many + row.end;
        std::string_view input = bytes;
        REQUIRE(decoder.next(input).kind == Event::Kind::request);
        decoder.take_variables(0, block);
        decoder.expect_body(0, std::nullopt);
        const Event body = decoder.next(input);
        CHECK(body.kind == Event::Kind::body);
        CHECK(body.bytes == std::string(1000, 'x'));
        CHECK(input.empty());
        if (released) {
          decoder.release(0);
          CHECK(decoder.owes_body() == (row.kind != Event::Kind::body_end));
          CHECK(decoder.holds_nothing() == (row.kind == Event::Kind::body_end));
        } else {
          CHECK(decoder.next(input).kind == row.kind);
        }
      }
    }
  }

  TEST_CASE("the rest of a released body is swallowed, and the next request served") {
    const Driving at_once{.release = Driving::Release::at_once};
    const Lines second = request("GET", "/2");
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    check_cases(
        Wire::http,
        {{"a length", post("Content-Length: 3\r\n", "abc") + get("/2"),
          request("POST", "/", {"CONTENT_LENGTH=3"}) + second, at_once},
         {"chunks", post(chunked, "1\r\na\r\n0\r\n\r\n") + get("/2"),
          request("POST", "/", {"HTTP_TRANSFER_ENCODING=chunked"}) + second, at_once},
         {"a body that does not end", post("Content-Length: 3\r\n", "ab"),
          request("POST", "/", {"CONTENT_LENGTH=3"}), at_once, false, true},
         {"chunks that are none", post(chunked, "x") + get("/2"),
          request("POST", "/", {"HTTP_TRANSFER_ENCODING=chunked"}), at_once, false, true},
         {"the last request", post("Connection: close\r\nContent-Length: 3\r\n", "abc") + get("/2"),
          request("POST", "/", {"HTTP_CONNECTION=close", "CONTENT_LENGTH=3"}, "close"), at_once,
          false, true}});
  }

  TEST_CASE("a further request waits until the one before is released") {
    gateway::BlockPool blocks;
    HttpDecoder decoder(kUsualLimits, blocks, kEnds);
    const std::string bytes = get("/1") + get("/2");
    std::string_view input = bytes;
    CHECK(decoder.next(input).kind == Event::Kind::request);
    gateway::VariableBlock block;
    decoder.take_variables(0, block);
    decoder.expect_body(0, 0);
    CHECK(decoder.next(input).kind == Event::Kind::body_end);
    CHECK(decoder.next(input).kind == Event::Kind::blocked);
    CHECK(decoder.next(input).kind == Event::Kind::blocked);
    CHECK(input == get("/2"));
    std::string_view nothing;
    CHECK(decoder.next(nothing).kind == Event::Kind::starved);
    decoder.release(0);
    CHECK(decoder.next(input).kind == Event::Kind::request);
  }

  TEST_CASE("what can be told of a connection that is given away") {
    const std::string bytes = post("Content-Length: 2\r\n", "ab");
    CHECK(held_alone(Wire::http, bytes, 0) == std::vector<std::size_t>{bytes.size()});
    CHECK(held_nothing(Wire::http, bytes) == std::vector<std::size_t>{0, bytes.size()});
  }

  TEST_CASE("the PROXY protocol's header tells the client, for each request of the connection") {
    const Driving proxied{.proxied = true};
    const auto from = [](const std::string& target, const char* address, const char* port) {
      Lines lines = request("GET", target);
      lines[lines.size() - 3] = std::string("REMOTE_ADDR=") + address;
      lines[lines.size() - 2] = std::string("REMOTE_PORT=") + port;
      return lines + Lines{"end 0"};
    };
    const std::string one = "PROXY TCP4 203.0.113.5 203.0.113.9 4711 443\r\n";
    const std::string two =
        version_2(0x21, 0x11, bytes({203, 0, 113, 6, 203, 0, 113, 9, 0x12, 0x67, 1, 187}));
    check_cases(
        Wire::http,
        {{"version 1", one + get("/1") + get("/2"),
          from("/1", "203.0.113.5", "4711") + from("/2", "203.0.113.5", "4711"), proxied},
         {"version 2", two + get("/1"), from("/1", "203.0.113.6", "4711"), proxied},
         {"the proxy itself", version_2(0x20, 0, "") + get("/1"), from("/1", "192.0.2.7", "40000"),
          proxied},
         {"an unknown client", "PROXY UNKNOWN\r\n" + get("/1"), from("/1", "192.0.2.7", "40000"),
          proxied},
         {"no byte", "", {}, proxied},
         {"a part of it", "PROXY TCP4 203.0.", {}, proxied, true},
         {"nothing after it", one, {}, proxied},
         {"none",
          get("/1"),
          {"fatal: malformed PROXY protocol header: neither \"PROXY \" nor the signature of "
           "version "
           "2, at byte 0 of the connection; with --proxy-protocol each connection needs one"},
          proxied},
         {"two",
          one + one + get("/1"),
          {"refused 0 400 close: the request line ends with no version of HTTP"},
          proxied,
          false,
          true}});
  }

  TEST_CASE("what another decoder must be given first") {
    Driver driver(Wire::http, {.proxied = true});
    Decoder& decoder = driver.decoder();
    CHECK(decoder.awaits_proxy());
    CHECK(decoder.holds_nothing());
    driver.feed("PROXY TCP4 203.0.113.5 203.0.113.9 4711");
    CHECK(decoder.awaits_proxy());
    CHECK_FALSE(decoder.holds_nothing());
    CHECK(decoder.said_by_proxy().empty());
    driver.feed(" 443\r\n");
    CHECK_FALSE(decoder.awaits_proxy());
    CHECK(decoder.holds_nothing());
    driver.feed(get("/"));
    CHECK(decoder.holds_nothing());
    CHECK(decoder.said_by_proxy() == "PROXY TCP4 203.0.113.5 203.0.113.9 4711 443\r\n");
  }
}

}  // namespace
}  // namespace appd::protocol
