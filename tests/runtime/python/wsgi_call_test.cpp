// Tests of whole WSGI calls: what the application returns, and when it is sent and closed.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "fakes/log_fields.hpp"
#include "python_host.hpp"
#include "wsgi_calls.hpp"

TEST_SUITE_BEGIN("wsgi call");

using namespace appd;
using namespace appd::test;
using gateway::Level;
using gateway::LogEvent;

TEST_CASE("an application that returns a list of one bytes is sent whole with its length") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world"]
)");
  REQUIRE(exchange->head);
  CHECK(exchange->head->status == "200 OK");
  CHECK(exchange->head->field("Content-Type") == "text/plain");
  CHECK(exchange->head->field("Content-Length") == "12");
  CHECK(exchange->sent == "Hello, world");
  CHECK(exchange->pieces.size() == 1);
  check_complete(*exchange);
}

TEST_CASE("the application is called with two positional arguments, once per request") {
  const auto exchange = host().run(R"(
import sys
shared.calls = 0
class Application:
    def __call__(self, *arguments, **named):
        shared.calls += 1
        environ, start_response = arguments
        return respond(start_response, (len(arguments), len(named), shared.calls))
application = Application()
)");
  CHECK(exchange->sent == "(2, 0, 1)");
}

TEST_CASE("a list or tuple of several bytes is one send, with the length of all") {
  for (const char* form : {"[b'one,', b'', b'two']", "(b'one,', b'', b'two')"}) {
    const auto exchange = host().run(std::string("def application(environ, start_response):\n") +
                                     "    start_response('200 OK', [])\n    return " + form + "\n");
    CHECK(exchange->sent == "one,two");
    CHECK(exchange->pieces.size() == 1);
    CHECK(exchange->head->field("Content-Length") == "7");
    check_complete(*exchange);
  }
}

TEST_CASE("an empty iterable is a response of length 0") {
  for (const char* form : {"[]", "iter([])", "[b'']"}) {
    const auto exchange = host().run(std::string("def application(environ, start_response):\n") +
                                     "    start_response('200 OK', [])\n    return " + form + "\n");
    CHECK(exchange->sent.empty());
    CHECK(exchange->head->field("Content-Length") == "0");
    check_complete(*exchange);
  }
}

TEST_CASE("an iterable that says it has one chunk gets the chunk's length, others get none") {
  const auto sized = host().run(R"(
class Sized:
    def __iter__(self): return iter([b"", b"single"][1:])
    def __len__(self): return 1
def application(environ, start_response):
    start_response("200 OK", [])
    return Sized()
)");
  CHECK(sized->head->field("Content-Length") == "6");
  CHECK(sized->pieces.size() == 1);
  const auto unsized = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return iter([b"single"])
)");
  CHECK(unsized->head->field("Content-Length").empty());
  CHECK(unsized->sent == "single");
  check_complete(*unsized);
  const auto failing = host().run(R"(
class Failing:
    def __iter__(self): return iter([b"single"])
    def __len__(self): raise NotImplementedError
def application(environ, start_response):
    start_response("200 OK", [])
    return Failing()
)");
  CHECK(failing->head->field("Content-Length").empty());
  check_complete(*failing);
}

TEST_CASE("each non-empty chunk is sent before the next is asked for, the head with the first") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    yield b""
    yield b"one"
    yield b""
    yield b"two"
)");
  REQUIRE(exchange->pieces.size() == 3);
  CHECK(exchange->pieces[0].bytes == "one");
  CHECK(exchange->pieces[0].head);
  CHECK_FALSE(exchange->pieces[0].last);
  CHECK(exchange->pieces[1].bytes == "two");
  CHECK(exchange->pieces[2].bytes.empty());
  CHECK(exchange->pieces[2].last);
  check_complete(*exchange);
}

TEST_CASE("start_response may be called while the first chunk is made") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("201 Late", [])
    yield b"late"
)");
  CHECK(exchange->head->status == "201 Late");
  CHECK(exchange->sent == "late");
}

TEST_CASE("plain bytes are sent as one chunk, with a warning") {
  host().take_log(Level::warning);
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return b"plain"
)");
  CHECK(exchange->sent == "plain");
  CHECK(exchange->pieces.size() == 1);
  CHECK(has_fields(host().take_log(LogEvent::response_bytes), {"GET /path?a=1"}));
}

TEST_CASE("a full outgoing buffer is waited for, and nothing is lost or sent twice") {
  const auto exchange = PythonHost::make(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    yield b"0123456789"
    yield b"abcdef"
)");
  exchange->room = {3, 0, 5, 2, 6};
  unsigned waits = 0;
  exchange->on_wait = [&](std::string_view what) { waits += what == "room" ? 1 : 0; };
  host().run(exchange);
  CHECK(exchange->sent == "0123456789abcdef");
  CHECK(waits == 3);
  check_complete(*exchange);
}

TEST_CASE("close is called once on the returned object, not on its iterator") {
  const auto exchange = host().run(R"(
shared.events = []
class Apart:
    def __iter__(self): return Chunks([b"one"], [])
    def close(self): shared.events.append("closed")
def application(environ, start_response):
    start_response("200 OK", [])
    return Apart()
)");
  check_complete(*exchange);
  CHECK(events() == "closed");
}

TEST_CASE("close comes after the end of the response, and its errors are only logged") {
  host().take_log(Level::error);
  const auto exchange = host().run(R"(
class Closing:
    def __iter__(self): return iter([b"sent"])
    def close(self): raise ValueError("in close")
def application(environ, start_response):
    start_response("200 OK", [])
    return Closing()
)");
  CHECK(exchange->sent == "sent");
  check_complete(*exchange);
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"ValueError: in close"}));
}

TEST_CASE("nothing but the iteration protocol, the length and close is asked of the iterable") {
  host().run(R"(
shared.events = []
class Watched:
    def __getattribute__(self, name):
        shared.events.append(name)
        return object.__getattribute__(self, name)
    def __iter__(self): return iter([b"x"])
    def __len__(self): return 1
    def close(self): pass
def application(environ, start_response):
    start_response("200 OK", [])
    return Watched()
)");
  CHECK(events() == "close");
}

TEST_CASE("no header is invented but Content-Length") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("X-Only", "this")])
    return iter([b"no content type"])
)");
  REQUIRE(exchange->head->fields.size() == 1);
  CHECK(exchange->head->fields[0].first == "X-Only");
}

TEST_CASE("wsgiref.validate finds nothing wrong") {
  host().take_log(Level::error);
  const char* const source = R"(
from wsgiref.validate import validator
def plain(environ, start_response):
    body = environ["wsgi.input"].read(100)
    environ["wsgi.input"].readline(3)
    environ["wsgi.errors"].write("validated\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"body: ", body]
application = validator(plain)
)";
  const auto get = host().run(source);
  CHECK(get->sent == "body: ");
  check_complete(*get);
  const auto post = PythonHost::make(
      source, with(get_variables(), {{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", "4"}}));
  post->body = {"data"};
  host().run(post);
  CHECK(post->sent == "body: data");
  check_complete(*post);
  CHECK(host().take_log(Level::error).empty());
}

TEST_SUITE_END();
