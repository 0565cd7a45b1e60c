// Tests of whole WSGI calls, from environ to close.

#include <doctest/doctest.h>

#include <set>

#include "python_host.hpp"

TEST_SUITE_BEGIN("wsgi call");

using namespace appd;
using namespace appd::test;
using gateway::Level;
using gateway::LogEvent;

namespace {

PythonHost& host() {
  return PythonHost::instance();
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

fakes::Variables head_variables() {
  return with(get_variables(), {{"REQUEST_METHOD", "HEAD"}});
}

void check_complete(const MemoryExchange& exchange) {
  CHECK(exchange.ended);
  CHECK_FALSE(exchange.broken);
  CHECK(exchange.breaches == std::vector<std::string>{});
}

/// A response of the server's own, in place of the application's.
void check_error_response(const MemoryExchange& exchange) {
  check_complete(exchange);
  REQUIRE(exchange.head);
  CHECK(exchange.head->status == "500 Internal Server Error");
  CHECK(exchange.head->field("Content-Length") == std::to_string(exchange.sent.size()));
  CHECK(exchange.sent == "Internal Server Error\n");
}

/// What the last request left in `shared.events`.
std::string events() {
  return host().body_of(R"(
def application(environ, start_response):
    return respond(start_response, " ".join(shared.events))
)");
}

}  // namespace

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

TEST_CASE("no header is invented but Content-Length") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("X-Only", "this")])
    return iter([b"no content type"])
)");
  REQUIRE(exchange->head->fields.size() == 1);
  CHECK(exchange->head->fields[0].first == "X-Only");
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

TEST_CASE("calls follow one another in one serve, each with an environ and buffers of its own") {
  std::vector<ExchangePointer> batch;
  for (int i = 0; i < 20; ++i)
    batch.push_back(PythonHost::make(
        i % 3 == 0 ? "def application(environ, start_response):\n    raise ValueError\n" : R"(
def application(environ, start_response):
    found = environ.get("test.mark", "fresh")
    environ["test.mark"] = "used"
    return respond(start_response, found)
)"));
  host().run(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    check_complete(*batch[i]);
    if (i % 3 != 0) CHECK(batch[i]->sent == "fresh");
  }
}

TEST_CASE("large bodies that the loop keeps live until it drops them, without the interpreter") {
  const auto exchange = PythonHost::make(R"(
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"kept " * 20000, b"and " * 20000]
)");
  exchange->keeps = true;
  host().run(exchange);
  REQUIRE(exchange->kept.size() == 1);
  CHECK(host().runtime().live_objects().kept_bodies == 1);
  std::string kept;
  for (const std::string_view piece : exchange->kept[0].second) kept += piece;
  CHECK(kept == exchange->sent);
  exchange->kept.clear();  // on this thread, which does not hold the interpreter
  host().run("def application(e, s):\n    return respond(s, '')\n");
  CHECK(host().runtime().live_objects().kept_bodies == 0);
}

TEST_CASE("references to the application's objects are given back, kept bytes or not") {
  for (const bool keeps : {false, true}) {
    const auto show = [] {
      return host().body_of(
          "import sys\ndef application(e, s):\n"
          "    return respond(s, [sys.getrefcount(o) for o in shared.objects])\n");
    };
    host().run(R"(
large = 100_000  # less is copied
shared.objects = [b"x" * large, [b"y" * large], (b"z" * large, b"zz" * large), b"w" * large]
shared.objects += [shared.objects[1][0], shared.objects[2][0], iter]
def application(e, s):
    return respond(s, "")
)");
    const std::string before = show();
    for (const char* result : {"shared.objects[:1]", "shared.objects[1]", "shared.objects[2]",
                               "shared.objects[3]", "iter(shared.objects[:1])"}) {
      const auto exchange = PythonHost::make(std::string("def application(e, s):\n") +
                                             "    s('200 OK', [])\n    return " + result + "\n");
      exchange->keeps = keeps;
      host().run(exchange);
    }
    host().take_log(Level::warning);
    CHECK(show() == before);
  }
}

TEST_CASE("nothing of the bridge outlives its call when the application keeps nothing") {
  host().run("def application(e, s):\n    return respond(s, '')\n");
  const python::LiveObjects live = host().runtime().live_objects();
  CHECK(live.inputs == 0);
  CHECK(live.responders == 0);
  CHECK(live.file_wrappers == 0);
}

TEST_CASE("what the application gives back is lent to the next call, what it keeps is not") {
  struct Row {
    std::string keeps;  // what the first call puts into `kept`
    std::string holds;  // in the second
  };
  const std::string ids =
      "[id(o) for o in (environ['wsgi.input'], environ['appd.client_disconnected'], "
      "start_response, write)]";
  const Row rows[] = {
      {ids, "kept == " + ids},
      {"environ['wsgi.input']", "kept is not environ['wsgi.input']"},
      {"environ['wsgi.input'].read", "kept.__self__ is not environ['wsgi.input']"},
      {"environ['appd.client_disconnected']",
       "kept is not environ['appd.client_disconnected'] and "
       "kept.__self__ is not environ['wsgi.input']"},
      {"weakref.ref(environ['appd.client_disconnected'])", "kept() is None"},
      {"start_response", "kept is not start_response"},
      {"write", "kept is not write and kept.__self__ is not start_response"},
      {"weakref.ref(write)", "kept() is None"},
      {"environ", "kept['wsgi.input'] is not environ['wsgi.input']"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.keeps);
    const std::string head =
        "import weakref\ndef application(environ, start_response):\n"
        "    write = start_response('200 OK', [])\n";
    const auto first =
        PythonHost::make(head + "    shared.kept = " + row.keeps + "\n    return []\n");
    const auto second =
        PythonHost::make(head + "    kept = shared.kept\n    del shared.kept\n    return [repr(" +
                         row.holds + ").encode()]\n");
    host().run({first, second});
    CHECK(second->sent == "True");
  }
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

TEST_CASE("two pool threads serve at the same time") {
  // Each call waits for the other inside wait_body, which must not hold the interpreter.
  std::mutex mutex;
  std::condition_variable changed;
  unsigned inside = 0;
  const auto make = [&] {
    auto exchange = PythonHost::make(R"(
import threading
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    return respond(start_response, threading.current_thread().name + " " + body.decode())
)",
                                     with(get_variables(), {{"REQUEST_METHOD", "POST"}}));
    exchange->body = {MemoryExchange::Block{}, "body"};
    exchange->on_wait = [&](std::string_view) {
      std::unique_lock lock(mutex);
      ++inside;
      changed.notify_all();
      changed.wait_for(lock, std::chrono::seconds(30), [&] { return inside == 2; });
    };
    return exchange;
  };
  const auto first = make();
  const auto second = make();
  const auto one = host().start({first});
  const auto two = host().start({second});
  host().wait(*one);
  host().wait(*two);
  CHECK(inside == 2);
  CHECK(std::set<std::string>{first->sent, second->sent} ==
        std::set<std::string>{"appd-1 body", "appd-2 body"});
}

TEST_CASE("many calls on two threads at once do not disturb each other") {
  const char* const source = R"(
def application(environ, start_response):
    mark = environ["HTTP_X_MARK"]
    start_response("200 OK", [("X-Mark", mark)])
    yield mark.encode("latin-1")
    yield environ["wsgi.input"].read()
)";
  std::vector<std::vector<ExchangePointer>> batches(4);
  for (std::size_t b = 0; b < batches.size(); ++b)
    for (int i = 0; i < 200; ++i) {
      const std::string mark = std::to_string(b) + "-" + std::to_string(i);
      batches[b].push_back(
          PythonHost::make(source, with(get_variables(), {{"HTTP_X_MARK", mark}})));
      batches[b].back()->body = {MemoryExchange::Block{}, "!"};
    }
  std::vector<std::shared_ptr<PythonHost::Batch>> started;
  for (const auto& batch : batches) started.push_back(host().start(batch));
  for (const auto& batch : started) host().wait(*batch);
  for (const auto& batch : batches)
    for (const auto& exchange : batch) {
      REQUIRE(exchange->head);
      CHECK(exchange->sent == exchange->head->field("X-Mark") + "!");
      check_complete(*exchange);
    }
}

TEST_SUITE_END();
