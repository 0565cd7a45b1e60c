// Tests of stacks of threads that compute, wait or are stuck.

#include "runtime/python/thread_stacks.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>

#include "fakes/eventually.hpp"
#include "fakes/sanitizers.hpp"
#include "python_host.hpp"

namespace appd::test {
namespace {

using namespace std::chrono_literals;

/// The stacks of both pool threads, one of which is in the call.
std::string stacks(const std::atomic<std::uint32_t>& number, std::uint32_t seen) {
  std::string both;
  for (unsigned thread = 0; thread < PythonHost::kThreads; ++thread) {
    both += host().runtime().stack_of({thread, &number, seen}).value_or("(none)\n") + "\n";
  }
  return both;
}

std::atomic<std::uint32_t> number{2};

/// The stack while `source` runs, once its call is at `place`.
std::string stack_at(std::string_view source, std::string_view place) {
  const auto exchange = PythonHost::make(source);
  const auto batch = host().start({exchange});
  std::string found;
  const bool seen = eventually([&] {
    found = stacks(number, 2);
    return found.find(place) != found.npos;
  });
  // The last line of the source waits for this: the source must not end by itself before.
  host().run(
      "def application(environ, start_response):\n"
      "    shared.done.set()\n    return respond(start_response, '')\n");
  host().wait(*batch);
  CHECK(seen);
  CHECK(exchange->head.value().status == "200 OK");
  return found;
}

}  // namespace

TEST_SUITE_BEGIN("thread stacks");

TEST_CASE("a thread that computes, sleeps in C, or holds the interpreter there shows its stack") {
  struct Case {
    const char* work;
    const char* place;
  };
  for (const Case& one : {
           Case{"while not shared.done.is_set(): pass", "in compute"},
           Case{"time.sleep(0.3)", "in compute"},
           Case{"ctypes.PyDLL(None).usleep(300000)", "in compute"},
           Case{"re.fullmatch('(a+)+', 'a' * 22 + 'b')", "in fullmatch"},
       }) {
    CAPTURE(one.work);
    const std::string stack = stack_at(R"(
import ctypes, re, threading, time
shared.done = threading.Event()
def compute():
    )" + std::string(one.work) + R"(
def application(environ, start_response):
    compute()
    shared.done.wait()
    return respond(start_response, "")
)",
                                       one.place);
    CHECK(stack.find("in application") != stack.npos);
    CHECK(stack.find("File \"") != stack.npos);
  }
}

TEST_CASE("a call that has ended, and a thread that does not exist, have no stack") {
  CHECK(stacks(number, 0) == "(none)\n\n(none)\n\n");
  const auto idle = host().runtime().stack_of({0, &number, 2});
  REQUIRE(idle);
  CHECK(idle->find("in application") == idle->npos);
}

TEST_CASE("however many stacks were asked for, the next one is there") {
  for (int i = 0; i < 300; ++i) stacks(number, 2);
  const std::string stack = stack_at(R"(
import threading
shared.done = threading.Event()
def application(environ, start_response):
    shared.done.wait()
    return respond(start_response, "")
)",
                                     "in wait");
  CHECK(stack.find("in application") != stack.npos);
}

TEST_CASE("an application's own use of faulthandler goes on beside") {
  const std::string stack = stack_at(R"(
import faulthandler, signal, tempfile, threading
shared.done = threading.Event()
def application(environ, start_response):
    with tempfile.TemporaryFile() as file:
        faulthandler.register(signal.SIGUSR2, file=file)
        for _ in range(1000):  # of two dumps at once faulthandler leaves one out
            signal.raise_signal(signal.SIGUSR2)
            file.seek(0)
            shared.dumped = file.read().decode()
            if shared.dumped:
                break
        faulthandler.unregister(signal.SIGUSR2)
    faulthandler.enable()
    shared.done.wait()
    faulthandler.disable()
    return respond(start_response, "")
)",
                                     "in wait");
  CHECK(stack.find("in application") != stack.npos);
  CHECK(host().body_of(
            "def application(environ, start_response):\n"
            "    return respond(start_response, str('in application' in shared.dumped))\n") ==
        "True");
}

TEST_CASE("system calls of a thread that is asked are restarted") {
  // ThreadSanitizer holds a signal back until the call that it would interrupt is over.
  if (appd::test::kThreadSanitizer) return;
  const auto exchange = PythonHost::make(R"(
import ctypes, os, threading
libc = ctypes.CDLL(None, use_errno=True)
shared.read, shared.write = os.pipe()
def blocked():
    buffer = ctypes.create_string_buffer(8)
    return libc.read(shared.read, buffer, 8), ctypes.get_errno()
def application(environ, start_response):
    return respond(start_response, blocked())
)");
  const auto batch = host().start({exchange});
  REQUIRE(eventually([&] { return stacks(number, 2).find("in blocked") != std::string::npos; }));
  for (int i = 0; i < 20; ++i) stacks(number, 2);
  host().run(
      "import os\ndef application(environ, start_response):\n"
      "    os.write(shared.write, b'12345')\n    return respond(start_response, '')\n");
  host().wait(*batch);
  CHECK(exchange->sent == "(5, 0)");
}

TEST_SUITE_END();

}  // namespace appd::test
