// Tests of interrupted calls.

#include "runtime/python/interrupter.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "fakes/eventually.hpp"
#include "python_host.hpp"

namespace appd::test {
namespace {

using gateway::Level;
using gateway::LogEvent;
using python::RunningCall;
using namespace std::chrono_literals;

std::atomic<std::uint32_t> number{2};

/// Interrupts the call that runs on that pool thread, and waits until that is done.
void interrupt(unsigned thread, std::uint32_t seen = 2) {
  const std::size_t before = host().runtime().interrupts();
  host().runtime().interrupt({thread, &number, seen});
  REQUIRE(eventually([&] { return host().runtime().interrupts() == before + 1; }));
}

/// An application that computes for long, unless it is interrupted.
std::string computing(std::string_view inside) {
  return R"(
import time
def compute(environ):
    environ["wsgi.errors"].write("computing\n")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.0001)
)" + std::string(inside);
}

/// Runs it, and interrupts it while it computes.
ExchangePointer interrupted(std::string_view source) {
  const auto exchange = PythonHost::make(source);
  host().log().take();
  const auto batch = host().start({exchange});
  REQUIRE(eventually([&] { return exchange->error_written.load(); }));
  interrupt(batch->thread);
  host().wait(*batch);
  return exchange;
}

/// Keeps the interpreter from other threads, in an application that calls `hold`, until `free`.
class Keeping {
 public:
  Keeping() { REQUIRE(::pipe(ends_.data()) == 0); }
  ~Keeping() {
    for (const int end : ends_) ::close(end);
  }
  Keeping(const Keeping&) = delete;
  Keeping& operator=(const Keeping&) = delete;

  std::string application(std::string_view body) const {
    return fmt::format(R"(
import ctypes, threading
def hold():
    ctypes.PYFUNCTYPE(None, ctypes.c_void_p)({})({})
def application(environ, start_response):
    {}
    return respond(start_response, "")
)",
                       reinterpret_cast<std::uintptr_t>(&hold),
                       reinterpret_cast<std::uintptr_t>(this), body);
  }

  /// Returns when `hold` has the interpreter and another thread has been waiting for so long that
  /// it counts as kept.
  void wait_until_kept() const {
    REQUIRE(eventually([&] { return holds_.load(); }));
    REQUIRE(eventually([] { return host().runtime().wait_for_interpreter() > 50ms; }));
  }
  void free() const { REQUIRE(::write(ends_[1], "x", 1) == 1); }

 private:
  static void hold(const Keeping* keeping) {
    keeping->holds_ = true;
    char byte = 0;
    CHECK(::read(keeping->ends_[0], &byte, 1) == 1);
  }

  std::array<int, 2> ends_{};
  mutable std::atomic<bool> holds_{false};
};

std::string noted() {
  return host().body_of(
      "def application(environ, start_response):\n"
      "    return respond(start_response, shared.noted)\n");
}

}  // namespace

TEST_SUITE_BEGIN("interrupter");

TEST_CASE("an interrupted call runs its finally blocks and ends with 504, and no traceback") {
  const auto exchange = interrupted(computing(R"(
def application(environ, start_response):
    shared.noted = []
    try:
        compute(environ)
    except Exception:
        shared.noted.append("caught")
    finally:
        shared.noted.append("finally")
)"));
  CHECK(exchange->head.value().status == "504 Gateway Timeout");
  CHECK(exchange->ended);
  CHECK(host().take_log(Level::error).empty());
  CHECK(noted() == "['finally']");
}

TEST_CASE("an application that asks for it can answer by itself") {
  const auto exchange = interrupted(computing(R"(
import appd
def application(environ, start_response):
    try:
        compute(environ)
    except appd.RequestTimeout as error:
        return respond(start_response, (isinstance(error, Exception), bool(appd.__version__)))
)"));
  CHECK(exchange->head.value().status == "200 OK");
  CHECK(exchange->sent == "(False, True)");
}

TEST_CASE("a response whose head is out is broken off, and its iterable is closed") {
  const auto exchange = interrupted(computing(R"(
shared.noted = []
def application(environ, start_response):
    start_response("200 OK", [])
    def blocks():
        yield b"first"
        compute(environ)
    return Chunks(blocks(), shared.noted)
)"));
  CHECK(exchange->head.value().status == "200 OK");
  CHECK(exchange->broken);
  CHECK(exchange->sent == "first");
  CHECK(host().take_log(Level::error).empty());
  CHECK(noted() == "['next', 'next', 'close']");
}

TEST_CASE("a call that is interrupted after its last Python code leaves nothing to the next") {
  std::vector<ExchangePointer> batch;
  for (int i = 0; i < 2; ++i) {
    batch.push_back(PythonHost::make(R"(
def application(environ, start_response):
    total = 0
    for i in range(1000):
        total += i
    return respond(start_response, "x" * 100_000)
)"));
  }
  std::shared_ptr<PythonHost::Batch> running;
  std::atomic<bool> started{false};
  std::atomic<bool> done{false};
  // More than 64 KiB are sent without the interpreter, so the call can be interrupted there.
  batch[0]->on_send = [&](std::size_t) {
    started = true;
    eventually([&] { return done.load(); });
  };
  running = host().start(batch);
  REQUIRE(eventually([&] { return started.load(); }));
  interrupt(running->thread);
  done = true;
  host().wait(*running);
  for (const ExchangePointer& exchange : batch) {
    CHECK(exchange->head.value().status == "200 OK");
    CHECK(exchange->sent.size() == 100'000);
  }
}

TEST_CASE("a call that has ended is not interrupted, nor is another") {
  const auto exchange = PythonHost::make(computing(R"(
def application(environ, start_response):
    environ["wsgi.errors"].write("waiting\n")
    environ["wsgi.input"].read()
    for _ in range(1000):
        time.sleep(0)
    return respond(start_response, "undisturbed")
)"));
  exchange->body = {MemoryExchange::Block{}};
  std::atomic<bool> waiting{false};
  std::atomic<bool> done{false};
  exchange->on_wait = [&](std::string_view) {
    waiting = true;
    eventually([&] { return done.load(); });
  };
  const auto batch = host().start({exchange});
  REQUIRE(eventually([&] { return waiting.load(); }));
  interrupt(batch->thread, 0);  // not the number of what runs now
  const auto other = interrupted(computing("application = lambda environ, _: compute(environ)\n"));
  CHECK(other->head.value().status == "504 Gateway Timeout");
  done = true;
  host().wait(*batch);
  CHECK(exchange->sent == "undisturbed");
}

TEST_CASE("how long the interpreter is waited for is told until it is had") {
  const Keeping keeping;
  const auto batch = host().start({PythonHost::make(keeping.application("hold()"))});
  keeping.wait_until_kept();
  keeping.free();
  host().wait(*batch);
  CHECK(eventually([] { return host().runtime().wait_for_interpreter() == 0ms; }));
}

TEST_CASE("a pool thread that keeps the interpreter is told from one that waits for it") {
  const Keeping first;
  const Keeping second;
  const auto later = PythonHost::make(first.application("environ[\"wsgi.input\"].read(); hold()"));
  later->body = {MemoryExchange::Block{}};
  std::atomic<bool> waiting{false};
  std::atomic<bool> go_on{false};
  later->on_wait = [&](std::string_view) {
    waiting = true;
    eventually([&] { return go_on.load(); });
  };
  const auto last = host().start({later});
  REQUIRE(eventually([&] { return waiting.load(); }));
  const auto at_once = host().start({PythonHost::make(second.application("hold()"))});
  second.wait_until_kept();
  go_on = true;  // now both threads want it
  CHECK(host().runtime().interpreter_holder() == at_once->thread.load());
  second.free();
  CHECK(eventually([&] { return host().runtime().interpreter_holder() == last->thread.load(); }));
  first.free();
  host().wait(*at_once);
  host().wait(*last);
}

TEST_CASE("a thread of the application's own that keeps the interpreter is none of the pool") {
  const Keeping keeping;
  const auto batch = host().start({PythonHost::make(
      keeping.application("threading.Thread(target=hold, daemon=True).start()"))});
  keeping.wait_until_kept();
  CHECK(host().runtime().interpreter_holder() == python::kOtherThread);
  keeping.free();
  host().wait(*batch);
}

TEST_CASE("nobody keeps the interpreter while another thread can have it") {
  REQUIRE(eventually([] { return host().runtime().wait_for_interpreter() == 0ms; }));
  CHECK(host().runtime().interpreter_holder() == std::nullopt);
}

TEST_CASE("RequestTimeout that nobody asked for is an error as any other") {
  host().log().take();
  const auto exchange = host().run(
      "import appd\ndef application(environ, start_response):\n    raise appd.RequestTimeout\n");
  CHECK(exchange->head.value().status == "500 Internal Server Error");
  CHECK(has_fields(host().take_log(LogEvent::application_raised), {"appd.RequestTimeout"}));
}

TEST_SUITE_END();

}  // namespace appd::test
