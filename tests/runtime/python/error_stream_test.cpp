// Tests of text written to wsgi.errors.

#include <doctest/doctest.h>

#include "python_host.hpp"

TEST_SUITE_BEGIN("error stream");

using namespace appd;
using namespace appd::test;

namespace {

/// Runs statements over `errors` and returns the exchange.
ExchangePointer run(std::string_view statements) {
  host().log().take();
  return host().run(
      "import threading\ndef application(environ, start_response):\n"
      "    errors = environ['wsgi.errors']\n    " +
      std::string(statements) + "\n    return respond(start_response, '')\n");
}

/// What was logged of it since.
std::string logged() {
  return host().take_log(gateway::LogEvent::application_errors);
}

}  // namespace

TEST_CASE("a line goes to the log with its request, and to the exchange as it is") {
  const auto exchange = run("errors.write('something\\n')");
  CHECK(logged() == "GET /path?a=1: something\n");
  CHECK(exchange->error_text == "something\n");
}

TEST_CASE("pieces of a line are put together, the lines of one write stay together") {
  run("print('printed', 'twice', file=errors)");
  CHECK(logged() == "GET /path?a=1: printed twice\n");
  run("errors.write('one\\ntwo\\nthr'); errors.write('ee\\n')");
  CHECK(logged() == "GET /path?a=1: one\ntwo\nGET /path?a=1: three\n");
  run("errors.writelines(['one\\n', 'two\\n'])");
  CHECK(logged() == "GET /path?a=1: one\nGET /path?a=1: two\n");
}

TEST_CASE("a line without its newline is logged at the end of the call, a very long one before") {
  run("errors.write('unfinished')");
  CHECK(logged() == "GET /path?a=1: unfinished\n");
  run("[errors.write('x' * 1000) for _ in range(100)]");
  CHECK(host().log().take().size() == 2);
}

TEST_CASE("any str is taken, nothing else is") {
  run("errors.write('snowman \\u2603 half a pair \\udc80\\n')");
  CHECK(logged() == "GET /path?a=1: snowman \xe2\x98\x83 half a pair \\udc80\n");
  CHECK(host().body_of("def application(environ, start_response):\n"
                       "    errors = environ['wsgi.errors']\n"
                       "    return respond(start_response, (raised_by(errors.write, b'bytes'), "
                       "raised_by(errors.writelines, [b'x']), errors.write('abc\\n'), "
                       "errors.flush()))\n") == "('TypeError', 'TypeError', 4, None)");
}

TEST_CASE("control bytes in a request's line are escaped") {
  host().log().take();
  host().run(
      "def application(environ, start_response):\n"
      "    environ['wsgi.errors'].write('x\\n')\n    return respond(start_response, '')\n",
      with(get_variables(), {{"REQUEST_URI", "/a\nFORGED \x1b[1m"}}));
  CHECK(logged() == "GET /a\\x0aFORGED \\x1b[1m: x\n");
}

TEST_CASE("a thread of the application's own writes without a request") {
  run("thread = threading.Thread(target=errors.write, args=('from a thread\\n',)); "
      "thread.start(); thread.join()");
  CHECK(logged() == "from a thread\n");
}

TEST_SUITE_END();
