// Tests of start_response and write.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "python_host.hpp"

TEST_SUITE_BEGIN("start response");

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;

namespace {

/// What start_response raises for arguments written in Python.
std::string raised_by(std::string_view arguments) {
  return host().body_of(
      "import sys\ndef application(environ, start_response):\n"
      "    found = raised_by(start_response, " +
      std::string(arguments) +
      ")\n"
      "    if found == 'nothing': return [b'nothing']\n"
      "    return respond(start_response, found)\n");
}

}  // namespace

TEST_CASE("status: refused at the call unless it is a final code and a reason") {
  for (const char* good :
       {"'200 OK'", "'404 Not Found'", "'299 caf\\xe9'", "'999 Last'", "'200'"}) {
    CAPTURE(good);
    CHECK(raised_by(std::string(good) + ", []") == "nothing");
  }
  for (const char* bad :
       {"'20 OK'", "'2000 OK'", "'200OK'", "'abc OK'", "'099 Low'", "'200 OK\\nX: 1'",
        "'200 O\\0K'", "'200 OK '", "'200  OK'", "'200 '", "''", "'100 Continue'",
        "'103 Early Hints'", "'200 \\u2603'", "'200 \\x7f'"}) {
    CAPTURE(bad);
    CHECK(raised_by(std::string(bad) + ", []") == "ValueError");
  }
  for (const char* wrong : {"b'200 OK'", "200", "None"}) {
    CAPTURE(wrong);
    CHECK(raised_by(std::string(wrong) + ", []") == "TypeError");
  }
}

TEST_CASE("headers: refused at the call unless a list of pairs of str") {
  for (const char* wrong :
       {"(('X-A', '1'),)", "{'X-A': '1'}", "None", "type('L', (list,), {})([('X-A', '1')])",
        "[['X-A', '1']]", "[('X-A',)]", "[('X-A', '1', '2')]", "['X-A']", "[(b'X-A', '1')]",
        "[('X-A', b'1')]", "[('X-A', 1)]", "[('X-A', None)]"}) {
    CAPTURE(wrong);
    CHECK(raised_by("'200 OK', " + std::string(wrong)) == "TypeError");
  }
}

TEST_CASE("headers: names are tokens, values have no control characters, both are latin-1") {
  for (const char* good : {"('X-A', '')", "('x_a.b!#$%&*+^`|~', '1')", "('X-A', 'caf\\xe9')"}) {
    CAPTURE(good);
    CHECK(raised_by("'200 OK', [" + std::string(good) + "]") == "nothing");
  }
  for (const char* bad :
       {"('', '1')", "('X A', '1')", "('X-A:', '1')", "('X-A\\n', '1')", "('X-\\xe9', '1')",
        "('Status', '201 Created')", "('X-A', '1\\nX-B: 1')", "('X-A', '1\\rX-B: 1')",
        "('X-A', '1\\x002')", "('X-A', '1\\t2')", "('X-A', '1\\x7f2')", "('X-A', '\\u20ac')",
        "('X-A', '\\U0001f600')", "('X-A', '\\udce9')", "('X-\\u20ac', '1')"}) {
    CAPTURE(bad);
    CHECK(raised_by("'200 OK', [" + std::string(bad) + "]") == "ValueError");
  }
}

TEST_CASE("headers: those that belong to the server are refused in any case of letters") {
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
                           "TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade",
                           "Proxy-Connection", "CONNECTION", "transfer-encoding"}) {
    CAPTURE(name);
    CHECK(raised_by("'200 OK', [('" + std::string(name) + "', 'x')]") == "ValueError");
  }
}

TEST_CASE("headers: one Content-Length, of digits") {
  for (const char* bad :
       {"[('Content-Length', '3'), ('content-length', '3')]", "[('Content-Length', 'abc')]",
        "[('Content-Length', '-1')]", "[('Content-Length', '+1')]", "[('Content-Length', '')]",
        "[('Content-Length', '3, 3')]", "[('Content-Length', ' 3')]",
        "[('Content-Length', '999999999999999999999999')]"}) {
    CAPTURE(bad);
    CHECK(raised_by("'200 OK', " + std::string(bad)) == "ValueError");
  }
}

TEST_CASE("headers: repeated ones stay apart and in order") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [("set-cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Between", "x"),
                              ("Set-Cookie", "c=3")])
    return [b""]
)");
  REQUIRE(exchange->head->fields.size() == 5);
  CHECK(exchange->head->fields[0] == std::pair<std::string, std::string>("set-cookie", "a=1"));
  CHECK(exchange->head->field("Set-Cookie") == "b=2|c=3");
}

TEST_CASE("headers: changes to the list after the call have no effect") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    headers = [("X-A", "given")]
    start_response("200 OK", headers)
    headers[0] = ("X-A", "changed")
    headers.append(("X-Late", "1"))
    return [b""]
)");
  CHECK(exchange->head->field("X-A") == "given");
  CHECK(exchange->head->field("X-Late").empty());
}

TEST_CASE("a status without a reason gets one, and a warning") {
  host().take_log(gateway::Level::warning);
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200", [])
    return [b"bare"]
)");
  CHECK(exchange->head->status == "200 OK");
  CHECK(has_fields(host().take_log(LogEvent::response_no_reason), {"GET /path?a=1"}));
}

TEST_CASE("two or three positional arguments, exc_info also by name; anything else is refused") {
  CHECK(host().body_of(R"(
import sys
def application(environ, start_response):
    found = [callable(start_response("200 OK", []))]
    try: raise ValueError
    except ValueError:
        found.append(callable(start_response("200 OK", [], sys.exc_info())))
        found.append(callable(start_response("200 OK", [], exc_info=sys.exc_info())))
    for arguments in [(), ("200 OK",), ("200 OK", [], None, None)]:
        found.append(raised_by(start_response, *arguments))
    found.append(raised_by(lambda: start_response("200 OK", headers=[])))
    found.append(raised_by(lambda: start_response("200 OK", [], other=1)))
    found.append(raised_by(start_response, "200 OK", [], 5))
    found.append(raised_by(start_response, "200 OK", [], (1, 2)))
    return [repr(found).encode()]
)") == "[True, True, True, 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', "
       "'TypeError', 'TypeError']");
}

TEST_CASE("a second call without exc_info is an error, and the first head stays") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("201 First", [("X-Head", "first")])
    found = raised_by(start_response, "202 Second", [("X-Head", "second")])
    none = raised_by(start_response, "202 Second", [("X-Head", "second")], None)
    return [(found + none).encode()]
)");
  CHECK(exchange->head->status == "201 First");
  CHECK(exchange->head->field("X-Head") == "first");
  CHECK(exchange->sent == "AssertionErrorAssertionError");
}

TEST_CASE("a refused call leaves nothing behind") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    raised_by(start_response, "201 Bad", [("X-A", "1"), ("X-B", "1\n")])
    start_response("200 OK", [("X-C", "1")])
    try: raise ValueError
    except ValueError as error:
        raised_by(start_response, "500 Bad", [("X-D", "\n")], (ValueError, error, None))
    return [b"x"]
)");
  CHECK(exchange->head->status == "200 OK");
  CHECK(exchange->head->fields.size() == 2);
  CHECK(exchange->head->field("X-C") == "1");
}

TEST_CASE("with exc_info and the head unsent, status and headers are replaced completely") {
  const auto exchange = host().run(R"(
import sys
def application(environ, start_response):
    start_response("200 OK", [("X-Head", "first"), ("Content-Length", "1000")])
    yield b""
    try: raise ValueError
    except ValueError:
        start_response("503 Replaced", [("X-Other", "second")], sys.exc_info())
    yield b"replaced"
)");
  CHECK(exchange->head->status == "503 Replaced");
  REQUIRE(exchange->head->fields.size() == 1);
  CHECK(exchange->head->fields[0].first == "X-Other");
  CHECK(exchange->ended);
}

TEST_CASE("with exc_info and the head out, the very exception is raised again and not kept") {
  const auto exchange = host().run(R"(
import sys, weakref
class Original(Exception): pass
def application(environ, start_response):
    start_response("200 OK", [])
    yield b"head."
    found = []
    try:
        raise Original
    except Original as original:
        shared.original = weakref.ref(original)
        try:
            start_response("500 Too Late", [], sys.exc_info())
        except Original as raised:
            found.append(raised is original)
            names, trace = [], raised.__traceback__
            while trace: names.append(trace.tb_frame.f_code.co_name); trace = trace.tb_next
            found.append("application" in names)
            del raised, trace
    found.append(shared.original() is None)
    yield repr(found).encode()
)");
  CHECK(exchange->head->status == "200 OK");
  CHECK(exchange->sent == "head.[True, True, True]");
}

TEST_CASE("write sends at once, before the iterable, and takes bytes only") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    write = start_response("200 OK", [])
    found = [raised_by(write, value) for value in ("text", bytearray(b"x"), memoryview(b"x"), None)]
    found.append(write(b"written,"))
    return [repr(found).encode()]
)");
  REQUIRE(exchange->pieces.size() == 2);
  CHECK(exchange->pieces[0].bytes == "written,");
  CHECK(exchange->pieces[0].head);
  CHECK(exchange->pieces[1].bytes == "['TypeError', 'TypeError', 'TypeError', 'TypeError', None]");
  CHECK(exchange->head->field("Content-Length").empty());
}

TEST_CASE("an empty write sends nothing, but rules out a length of the server's making") {
  const auto exchange = host().run(R"(
import sys
def application(environ, start_response):
    start_response("200 OK", [])(b"")
    try: raise ValueError
    except ValueError: start_response("202 Replaced", [], sys.exc_info())
    return [b"x"]
)");
  CHECK(exchange->head->status == "202 Replaced");
  CHECK(exchange->head->field("Content-Length").empty());
  CHECK(exchange->pieces.size() == 1);
}

TEST_CASE("write beyond Content-Length is cut, as a body that is returned") {
  for (const char* writes : {"write(b'abcde')", "write(b'ab'); write(b'cde')",
                             "write(b'abcd'); write(b'e')", "write(b'abcd'); return [b'e']"}) {
    CAPTURE(writes);
    const auto exchange = host().run(fmt::format(R"(
def application(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "4")])
    {}
    return []
)",
                                                 writes));
    CHECK(exchange->sent == "abcd");
    CHECK(exchange->ended);
    CHECK(exchange->breaches.empty());
    CHECK(has_fields(host().take_log(LogEvent::response_excess), {"GET /path?a=1"}));
    // The next request, on either thread, has no excess.
    for (int i = 0; i < 4; ++i)
      host().body_of("def application(e, s):\n    s('200 OK', [])\n    yield b'x'\n");
    CHECK(host().take_log(gateway::Level::warning) == "");
  }
}

TEST_CASE("only write, and nothing returned, is a complete response") {
  const auto exchange = host().run(R"(
def application(environ, start_response):
    start_response("200 OK", [])(b"written")
    return []
)");
  CHECK(exchange->sent == "written");
  CHECK(exchange->ended);
}

TEST_CASE("after the request, start_response and write do nothing but raise") {
  host().run(R"(
def application(environ, start_response):
    shared.start = start_response
    shared.write = start_response("200 OK", [])
    return []
)");
  CHECK(host().runtime().live_objects().responders == 1);
  const auto exchange = host().run(R"(
def application(environ, start_response):
    found = [raised_by(shared.start, "500 Intruder", []), raised_by(shared.write, b"intruder")]
    del shared.start, shared.write
    return respond(start_response, found)
)");
  CHECK(exchange->sent == "['RuntimeError', 'RuntimeError']");
  CHECK(exchange->head->status == "200 OK");
}

TEST_CASE("write on another thread is refused") {
  CHECK(host().body_of(R"(
import threading
def application(environ, start_response):
    found = []
    write = start_response("200 OK", [])
    thread = threading.Thread(target=lambda: found.append(raised_by(write, b"x")))
    thread.start()
    thread.join()
    return [repr(found).encode()]
)") == "['RuntimeError']");
}

TEST_SUITE_END();
