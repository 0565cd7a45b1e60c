// Tests of WSGI calls that fail: applications that raise or return nonsense, clients that are gone.

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

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a response without start_response is an error that says so") {
  for (const char* source : {
           "def application(environ, start_response):\n    return [b'x']\n",
           "def application(environ, start_response):\n    return []\n",
           "def application(environ, start_response):\n    yield b'x'\n",
           "def application(environ, start_response):\n    return iter(())\n",
       }) {
    host().take_log(Level::error);
    check_error_response(*host().run(source));
    CHECK(has_fields(host().take_log(LogEvent::response_invalid),
                     {"GET /path?a=1", "start_response"}));
  }
}

TEST_CASE("what is no iterable of bytes is an error that names its type") {
  struct Case {
    const char* value;
    const char* type;
  };
  for (const Case& one : {
           Case{"None", "NoneType"},
           Case{"7", "int"},
           Case{"'text'", "str"},
           Case{"['text']", "str"},
           Case{"[b'fine', bytearray(b'x')]", "bytearray"},
           Case{"iter([memoryview(b'x')])", "memoryview"},
       }) {
    CAPTURE(one.value);
    host().take_log(Level::error);
    check_error_response(*host().run(std::string("def application(environ, start_response):\n") +
                                     "    start_response('200 OK', [])\n    return " + one.value +
                                     "\n"));
    CHECK(has_fields(host().take_log(LogEvent::response_invalid), {"GET /path?a=1", one.type}));
  }
}

TEST_CASE("an exception before the head is a 500 and one report with request and traceback") {
  host().take_log(Level::error);
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("X-Head", "never sent")])
    raise ValueError("boom\nsecond line")
)");
  check_error_response(*exchange);
  const std::string log = host().take_log(LogEvent::application_raised);
  CHECK(has_fields(log.substr(0, log.find('\n')), {"GET /path?a=1", "ValueError: boom"}));
  CHECK(log.find("\nTraceback") == log.find('\n'));
  CHECK(contains(log, "in application\n"));
  CHECK(contains(log, "ValueError: boom\nsecond line\n"));
}

TEST_CASE("SystemExit and KeyboardInterrupt are errors of their request alone") {
  for (const char* type : {"SystemExit", "KeyboardInterrupt", "GeneratorExit"}) {
    host().take_log(Level::error);
    check_error_response(*host().run(std::string("def application(environ, start_response):\n") +
                                     "    raise " + type + "\n"));
    CHECK(has_fields(host().take_log(LogEvent::application_raised), {"GET /path?a=1", type}));
  }
}

TEST_CASE("an exception after the head breaks the response off and closes the iterable") {
  host().take_log(Level::error);
  const auto exchange = host().run(R"(
shared.events = []
def chunks():
    yield b"half"
    raise ValueError("after the head")
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    return Chunks(chunks(), shared.events)
)");
  CHECK(exchange->sent == "half");
  CHECK(exchange->broken);
  CHECK_FALSE(exchange->ended);
  CHECK(exchange->breaches.empty());
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"ValueError: after the head"}));
  CHECK(events() == "next next close");
}

TEST_CASE("a chunk of a wrong type after the head breaks the response off") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return iter([b"fine", "text"])
)");
  CHECK(exchange->sent == "fine");
  CHECK(exchange->broken);
}

TEST_CASE("an exception whose text cannot be had is still reported") {
  host().take_log(Level::error);
  check_error_response(*host().run(R"(
class Odd(Exception):
    def __str__(self): raise RuntimeError("no text")
def application(environ, start_response):
    raise Odd
)"));
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"GET /path?a=1", "Odd"}));
}

TEST_CASE("when the front is gone the iterable is closed, with one debug line and no traceback") {
  struct Case {
    const char* source;
    const char* events;
  };
  for (const Case& one : {
           Case{R"(
shared.events = []
def application(environ, start_response):
    start_response("200 OK", [])
    return Chunks([b"x"] * 100, shared.events)
)",
                "next next close"},
           Case{R"(
shared.events = []
def application(environ, start_response):
    write = start_response("200 OK", [])
    for _ in range(100):
        shared.events.append("write")
        try:
            write(b"x")
        except ConnectionError:
            shared.events.append("refused")
            raise
)",
                "write write refused"},
           Case{R"(
shared.events = []
def application(environ, start_response):
    try:
        environ["wsgi.input"].read()
    finally:
        shared.events.append("read")
)",
                "read"},
       }) {
    const auto exchange = PythonHost::make(one.source);
    exchange->body = {MemoryExchange::Block{}, MemoryExchange::Cut{}};
    exchange->on_wait = [&](std::string_view) { exchange->gone = true; };
    exchange->gone_at = 1;
    host().log().take();
    host().run(exchange);
    CHECK_FALSE(exchange->ended);
    CHECK_FALSE(exchange->broken);
    const auto log = host().log().take();
    REQUIRE(log.size() == 1);
    CHECK(log[0].event == LogEvent::response_client_gone);
    CHECK(has_fields(log[0].message, {"GET /path?a=1"}));
    CHECK(events() == one.events);
  }
}

TEST_CASE("a body that is cut is a 500 and no traceback, also as a framework raises it again") {
  for (const char* after : {"raise", "raise OSError('unreadable') from error"}) {
    CAPTURE(after);
    const auto exchange = PythonHost::make(R"(
def application(environ, start_response):
    try:
        environ["wsgi.input"].read()
    except ConnectionError as error:
        )" + std::string(after) + "\n");
    exchange->body = {MemoryExchange::Cut{}};
    host().log().take();
    host().run(exchange);
    CHECK(exchange->head.value().status == "500 Internal Server Error");
    const auto log = host().log().take();
    REQUIRE(log.size() == 1);
    CHECK(log[0].event == LogEvent::response_client_gone);
    CHECK(has_fields(log[0].message, {"GET /path?a=1"}));
  }
}

TEST_CASE("errors that are not the client's have their traceback, whatever the client did") {
  for (const char* raised : {"OSError('disk full')", "ConnectionError('database')"}) {
    const bool of_client = std::string_view(raised).starts_with("Conn");
    for (const bool cut : {false, true}) {
      CAPTURE(raised);
      CAPTURE(cut);
      const auto exchange = PythonHost::make(R"(
def application(environ, start_response):
    raised_by(environ["wsgi.input"].read)
    raise )" + std::string(raised) + "\n");
      if (cut) exchange->body = {MemoryExchange::Cut{}};
      host().log().take();
      host().run(exchange);
      // An application that uses sockets for other peers too is not asked which one broke.
      CHECK(host().take_log(Level::error).empty() == (cut && of_client));
    }
  }
  host().run("def application(environ, start_response):\n    raise ConnectionError('after it')\n");
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"ConnectionError: after it"}));
}

TEST_CASE("an application's error is reported even when the front is gone") {
  const auto exchange = PythonHost::make(R"(
def application(environ, start_response):
    environ["wsgi.input"].read()
    raise ValueError("not the front's fault")
)");
  exchange->body = {MemoryExchange::Block{}};
  exchange->on_wait = [&](std::string_view) { exchange->gone = true; };
  host().take_log(Level::error);
  host().run(exchange);
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"not the front's fault"}));
}

TEST_SUITE_END();
