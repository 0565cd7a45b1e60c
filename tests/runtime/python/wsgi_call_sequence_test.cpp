// Tests of WSGI calls after and beside each other: what they share, keep and give back.

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "python_host.hpp"
#include "wsgi_calls.hpp"

TEST_SUITE_BEGIN("wsgi call");

using namespace appd;
using namespace appd::test;
using gateway::Level;

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
