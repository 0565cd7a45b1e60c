// Tests of Content-Length in WSGI calls, of HEAD, and of statuses without a body.

#include <doctest/doctest.h>

#include <string>

#include "fakes/log_fields.hpp"
#include "python_host.hpp"
#include "wsgi_calls.hpp"

TEST_SUITE_BEGIN("wsgi call");

using namespace appd;
using namespace appd::test;
using gateway::Level;
using gateway::LogEvent;

namespace {

fakes::Variables head_variables() {
  return with(get_variables(), {{"REQUEST_METHOD", "HEAD"}});
}

}  // namespace

TEST_CASE(
    "iteration stops when Content-Length is reached, and the excess is dropped with a warning") {
  host().take_log(Level::warning);
  const auto exchange = host().run(R"(
shared.events = []
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "6")])
    return Chunks([b"abc", b"defghi", b"jkl"], shared.events)
)");
  CHECK(exchange->sent == "abcdef");
  REQUIRE(exchange->pieces.size() == 2);
  CHECK(exchange->pieces[1].last);
  check_complete(*exchange);
  CHECK(has_fields(host().take_log(LogEvent::response_excess), {"GET /path?a=1"}));
  CHECK(events() == "next next close");
}

TEST_CASE("a Content-Length beside the name of a file is the file's, not that of the body") {
  for (const char* field : {"X-Accel-Redirect", "x-sendfile"}) {
    CAPTURE(field);
    const auto exchange = host().run(std::string(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "1000"), (")") +
                                     field + R"(", "/file")])
    return []
)");
    CHECK(exchange->head->field("Content-Length") != "1000");
    check_complete(*exchange);
  }
}

TEST_CASE("an iterable that has given its Content-Length is asked to its end") {
  // Code after a generator's last yield is run; a2wsgi ends the request's task there.
  const auto exchange = host().run(R"(
shared.events = []
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    try:
        yield b"abc"
        shared.events.append("sent")
        yield b""
        shared.events.append("done")
    except GeneratorExit:
        shared.events.append("left")
)");
  CHECK(exchange->sent == "abc");
  check_complete(*exchange);
  CHECK(events() == "sent done");
}

TEST_CASE("a generator that is left early is closed, and one that resists is logged") {
  host().take_log(Level::error);
  const auto exchange = host().run(R"(
shared.events = []
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    try:
        yield b"abc"
        yield b"more"
    except GeneratorExit:
        shared.events.append("left")
        yield b"resisting"
)");
  CHECK(exchange->sent == "abc");
  check_complete(*exchange);
  CHECK(has_fields(host().take_log(LogEvent::application_raised),
                   {"RuntimeError: generator ignored GeneratorExit"}));
  CHECK(events() == "left");
}

TEST_CASE("what is raised after the last byte is logged and leaves the response whole") {
  host().take_log(Level::error);
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    yield b"abc"
    raise ValueError("afterwards")
)");
  CHECK(exchange->sent == "abc");
  check_complete(*exchange);
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"ValueError: afterwards"}));
}

TEST_CASE("a list that is longer than its Content-Length is cut inside a piece") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"abc", b"def", b"ghi"]
)");
  CHECK(exchange->sent == "abcd");
  check_complete(*exchange);
}

TEST_CASE("the last send carries the end when Content-Length is reached exactly") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("content-length", "6")])
    yield b"abc"
    yield b"def"
)");
  REQUIRE(exchange->pieces.size() == 2);
  CHECK(exchange->pieces[1].last);
  check_complete(*exchange);
}

TEST_CASE("too few bytes break a streamed response off") {
  host().take_log(Level::error);
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    yield b"abc"
    yield b"def"
)");
  CHECK(exchange->sent == "abcdef");
  CHECK(exchange->broken);
  CHECK_FALSE(exchange->ended);
  CHECK(has_fields(host().take_log(LogEvent::response_invalid), {"6", "100 bytes"}));
}

TEST_CASE("too few bytes that are known before anything is sent are a 500") {
  host().take_log(Level::error);
  check_error_response(*host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    return [b"abc"]
)"));
  CHECK(has_fields(host().take_log(LogEvent::response_invalid), {"3", "100 bytes"}));
}

TEST_CASE("HEAD gets the head of the response alone, and the iterable is closed unread") {
  const auto exchange = host().run(R"(
shared.events = []
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "12")])
    return Chunks([b"Hello, ", b"HEAD!"], shared.events)
)",
                                   head_variables());
  CHECK(exchange->sent.empty());
  CHECK(exchange->head->field("Content-Length") == "12");
  CHECK(exchange->pieces.size() == 1);
  check_complete(*exchange);
  CHECK(events() == "close");
}

TEST_CASE("HEAD for a single chunk has the length that GET would have, for several none") {
  const auto single = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"Hello"]
)",
                                 head_variables());
  CHECK(single->head->field("Content-Length") == "5");
  check_complete(*single);
  const auto several = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"Hel", b"lo"]
)",
                                  head_variables());
  CHECK(several->head->field("Content-Length").empty());
  const auto none = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return []
)",
                               head_variables());
  CHECK(none->head->field("Content-Length").empty());
}

TEST_CASE("HEAD of a generator that starts late, and of one that fails") {
  const auto late = host().run(R"(
def application(environ, start_response):
    start_response("203 Late", [])
    yield b"x"
)",
                               head_variables());
  CHECK(late->head->status == "203 Late");
  check_complete(*late);
  const auto failing = host().run(
      "def application(environ, start_response):\n    raise ValueError\n", head_variables());
  CHECK(failing->head->status == "500 Internal Server Error");
  CHECK(failing->sent.empty());
  check_complete(*failing);
}

TEST_CASE("204 and 304 have no body, 204 no length, 205 a length of 0") {
  struct Case {
    const char* status;
    const char* length;
  };
  for (const Case& one : {Case{"204", ""}, Case{"304", "4"}, Case{"205", "0"}}) {
    CAPTURE(one.status);
    host().take_log(Level::warning);
    const auto exchange = host().run(std::string(R"(
shared.events = []
def application(environ, start_response):
    start_response(")") + one.status +
                                     R"( Bodiless", [("Content-Length", "4")])
    return Chunks([b"body"], shared.events)
)");
    CHECK(exchange->sent.empty());
    CHECK(exchange->head->field("Content-Length") == one.length);
    check_complete(*exchange);
    CHECK(events() == "close");
    const auto listed = host().run(std::string(R"(
def application(environ, start_response):
    start_response(")") + one.status +
                                   R"( Bodiless", [])
    return [b"body"]
)");
    CHECK(listed->sent.empty());
    check_complete(*listed);
    CHECK(has_fields(host().take_log(LogEvent::response_excess), {"GET /path?a=1"}));
  }
}

TEST_CASE("a 304 without Content-Length gets none") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []
)");
  CHECK(exchange->head->fields.size() == 1);
  check_complete(*exchange);
}

TEST_SUITE_END();
