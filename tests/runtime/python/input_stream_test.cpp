// Tests of reading a request's body from Python.

#include <doctest/doctest.h>

#include <thread>

#include "python_host.hpp"

TEST_SUITE_BEGIN("input stream");

using namespace appd;
using namespace appd::test;
using Block = MemoryExchange::Block;
using Cut = MemoryExchange::Cut;

namespace {

/// An exchange whose application shows the value of an expression over `stream`, which is
/// wsgi.input.
ExchangePointer make(std::string_view expression, std::deque<MemoryExchange::BodyStep> body,
                     bool with_length = true) {
  std::size_t length = 0;
  for (const auto& step : body)
    if (const auto* text = std::get_if<std::string>(&step)) length += text->size();
  fakes::Variables variables = with(get_variables(), {{"REQUEST_METHOD", "POST"}});
  if (with_length) variables.emplace_back("CONTENT_LENGTH", std::to_string(length));
  auto exchange = PythonHost::make(
      "def application(environ, start_response):\n"
      "    stream = environ['wsgi.input']\n"
      "    return respond(start_response, repr((" +
          std::string(expression) + ")))\n",
      variables);
  exchange->body = std::move(body);
  return exchange;
}

std::string value_of(std::string_view expression, std::deque<MemoryExchange::BodyStep> body,
                     bool with_length = true) {
  const auto exchange = make(expression, std::move(body), with_length);
  host().run(exchange);
  CHECK(exchange->breaches == std::vector<std::string>{});
  return exchange->sent;
}

}  // namespace

TEST_CASE("read: all, the rest, some, none; b'' for ever at the end") {
  for (const char* call : {"stream.read()", "stream.read(-1)", "stream.read(None)",
                           "stream.read(100)", "stream.read(10**30)"}) {
    CAPTURE(call);
    CHECK(value_of(call, {"abc", "def"}) == "b'abcdef'");
  }
  CHECK(value_of("[stream.read(n) for n in (0, 3, 4, -1, 5, None)]", {"abcd", "efghij"}) ==
        "[b'', b'abc', b'defg', b'hij', b'', b'']");
  CHECK(value_of("type(stream.read()) is bytes", {"x"}) == "True");
}

TEST_CASE("read fills what is asked for, waiting for pieces, and needs no length") {
  CHECK(value_of("stream.read(10)", {"abc", Block{}, "def", Block{}, Block{}, "ghijk"}) ==
        "b'abcdefghij'");
  CHECK(value_of("stream.read()", {Block{}, "abc", Block{}}, false) == "b'abc'");
}

TEST_CASE("a body that is larger than any first allocation arrives whole") {
  const std::string part(300'000, 'x');
  for (const bool with_length : {true, false}) {
    CHECK(value_of("len(stream.read())", {part, part, part, part, part, part, part}, with_length) ==
          "2100000");
    CHECK(value_of("[len(stream.read(1000000)) for _ in range(4)]",
                   {part, part, part, part, part, part, part},
                   with_length) == "[1000000, 1000000, 100000, 0]");
  }
}

TEST_CASE("an announced length is not allocated before bytes come") {
  auto exchange = PythonHost::make(
      "def application(environ, start_response):\n"
      "    return respond(start_response, environ['wsgi.input'].read())\n",
      with(get_variables(),
           {{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", "1000000000000000000"}}));
  exchange->body = {"short"};
  CHECK(host().run(exchange)->sent == "b'short'");
}

TEST_CASE("without a body every read is b'' at once") {
  CHECK(value_of("[stream.read(), stream.read(1), stream.readline(), stream.readlines(), "
                 "list(stream)]",
                 {}) == "[b'', b'', b'', [], []]");
}

TEST_CASE("lines keep their newline, the last may lack it") {
  CHECK(value_of("list(stream)", {"one\ntw", Block{}, "o\n", "\nlast"}) ==
        "[b'one\\n', b'two\\n', b'\\n', b'last']");
  CHECK(value_of("stream.readlines()", {"one\ntwo\n"}) == "[b'one\\n', b'two\\n']");
  CHECK(value_of("stream.readlines(None)", {"one\ntwo\n"}) == "[b'one\\n', b'two\\n']");
  CHECK(value_of("iter(stream) is stream", {}) == "True");
}

TEST_CASE("readline and readlines keep to their limits") {
  CHECK(value_of("[stream.readline(n) for n in (2, 0, 100, -1, None, 3)]",
                 {"abcd\nef\nghi", "jkl"}) == "[b'ab', b'', b'cd\\n', b'ef\\n', b'ghijkl', b'']");
  CHECK(value_of("stream.readlines(4), stream.read()", {"ab\ncd\nef\n"}) ==
        "([b'ab\\n', b'cd\\n'], b'ef\\n')");
}

TEST_CASE("lines longer than the read-ahead, and a limit at its border") {
  const std::string line(40'000, 'x');
  CHECK(value_of("[len(line) for line in stream]", {line, line + "\n", "end"}) == "[80001, 3]");
  CHECK(value_of("[len(stream.readline(16384)) for _ in range(4)]", {line + "\n"}) ==
        "[16384, 16384, 7233, 0]");
}

TEST_CASE("reads and lines can be mixed") {
  CHECK(value_of("[stream.readline(), stream.read(2), next(stream), stream.read()]",
                 {"one\ntwo\nthree\nfo", Block{}, "ur\n"}) ==
        "[b'one\\n', b'tw', b'o\\n', b'three\\nfour\\n']");
}

TEST_CASE("a body that ends too early is a ConnectionError, every time") {
  for (const char* call : {"stream.read", "stream.readline", "stream.readlines",
                           "lambda: list(stream)", "lambda: stream.read(7)"}) {
    CAPTURE(call);
    const std::string twice = "[raised_by(" + std::string(call) + ") for _ in 'ab']";
    CHECK(value_of(twice, {"abc", Block{}, Cut{}}) ==
          "['ConnectionResetError', 'ConnectionResetError']");
  }
  CHECK(value_of("stream.read(3), raised_by(stream.read)", {"abc", Cut{}}) ==
        "(b'abc', 'ConnectionResetError')");
}

TEST_CASE("close does nothing") {
  CHECK(value_of("stream.close(), stream.read()", {"abc"}) == "(None, b'abc')");
}

TEST_CASE("wrong arguments are TypeErrors") {
  CHECK(value_of("[raised_by(stream.read, 'x'), raised_by(stream.read, 1, 2), "
                 "raised_by(type(stream))]",
                 {}) == "['TypeError', 'TypeError', 'TypeError']");
}

TEST_CASE("after the request every use raises ValueError and touches no other request's body") {
  host().run(
      "def application(environ, start_response):\n"
      "    shared.stream = environ['wsgi.input']\n"
      "    shared.disconnected = environ['appd.client_disconnected']\n"
      "    return respond(start_response, '')\n");
  CHECK(host().runtime().live_objects().inputs == 1);
  CHECK(value_of("[raised_by(call) for call in (shared.stream.read, shared.stream.readline, "
                 "shared.stream.readlines, lambda: next(shared.stream))], shared.disconnected(), "
                 "stream.read()",
                 {"mine"}) ==
        "(['ValueError', 'ValueError', 'ValueError', 'ValueError'], True, b'mine')");
  host().run(
      "def application(environ, start_response):\n"
      "    del shared.stream, shared.disconnected\n"
      "    return respond(start_response, '')\n");
}

TEST_CASE("another thread may read while the call runs") {
  CHECK(value_of("__import__('concurrent.futures').futures.ThreadPoolExecutor(1)"
                 ".submit(stream.read).result()",
                 {"abc", Block{}, "def"}) == "b'abcdef'");
}

TEST_CASE("two threads cannot read at once") {
  // The first call waits inside wait_body until the second has been refused. The application sees
  // the wait by client_disconnected; the front sees the refusal by the text on wsgi.errors.
  const auto exchange = PythonHost::make(R"(
import threading, time
def application(environ, start_response):
    stream, found = environ["wsgi.input"], []
    thread = threading.Thread(target=lambda: found.append(stream.read()))
    thread.start()
    deadline = time.monotonic() + 30
    while not environ["appd.client_disconnected"]() and time.monotonic() < deadline:
        time.sleep(0.001)
    found.append(raised_by(stream.read))
    environ["wsgi.errors"].write("refused")
    thread.join()
    return respond(start_response, found)
)");
  exchange->body = {Block{}, "abc"};
  exchange->on_wait = [&](std::string_view) {
    exchange->gone = true;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!exchange->error_written && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    exchange->gone = false;
  };
  host().run(exchange);
  CHECK(exchange->sent == "['RuntimeError', b'abc']");
}

TEST_CASE("the call does not end before another thread's read has") {
  std::atomic<bool> reading{true};
  const auto exchange = PythonHost::make(R"(
import threading, time
def application(environ, start_response):
    stream, shared.found = environ["wsgi.input"], []
    shared.thread = threading.Thread(target=lambda: shared.found.append(raised_by(stream.read)))
    shared.thread.start()
    deadline = time.monotonic() + 30
    while not environ["appd.client_disconnected"]() and time.monotonic() < deadline:
        time.sleep(0.001)
    return respond(start_response, "answered")
)");
  exchange->body = {Block{}, "abc"};
  exchange->on_wait = [&](std::string_view) {
    exchange->gone = true;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!exchange->answered && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    exchange->gone = false;
    reading = false;
  };
  exchange->on_send = [&](std::size_t) { exchange->gone = false; };
  host().run(exchange);
  CHECK_FALSE(reading);
  CHECK(exchange->sent == "answered");
  CHECK(host().body_of("def application(e, s):\n"
                       "    shared.thread.join()\n"
                       "    return respond(s, shared.found)\n") == "['ValueError']");
}

TEST_CASE("client_disconnected follows the front") {
  const auto exchange = make(
      "environ['appd.client_disconnected'](), stream.read(), "
      "environ['appd.client_disconnected']()",
      {Block{}});
  exchange->on_wait = [&](std::string_view) { exchange->gone = true; };
  exchange->on_send = [&](std::size_t) { exchange->gone = false; };
  host().run(exchange);
  CHECK(exchange->sent == "(False, b'', True)");
}

TEST_CASE("a request never sees what the last one on its thread has left unread") {
  const auto first = make("stream.readline()", {"one\ntwo\n"});
  const auto next = make("[stream.readline(), stream.read()]", {"three\n"});
  host().run({first, next});
  CHECK(first->sent == "b'one\\n'");
  CHECK(next->sent == "[b'three\\n', b'']");
}

TEST_SUITE_END();
