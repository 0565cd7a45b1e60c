// Tests of when the blocks of a streamed response arrive at the front.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"

using namespace appd;
using namespace appd::test;

namespace {

/// How many of so many blocks, made at once after each other, have arrived before the response's
/// end and without the loop.
std::size_t arrived_without_the_loop(std::size_t blocks) {
  ScriptedApplication application;
  Gate all_made;
  application.on("/quick", [&](gateway::Exchange& exchange) {
    application.gate.wait();
    const gateway::ResponseHead head{"200 OK", {}};
    ScriptedApplication::stream(exchange, &head, "block,");
    for (std::size_t i = 1; i < blocks; ++i) {
      ScriptedApplication::stream(exchange, nullptr, "block,");
    }
    all_made.wait();
  });
  RunningServer server(application);
  FrontSocket front = server.connect();
  REQUIRE(front.send(request(Speech::scgi, {"/quick"})));
  REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
  const StoppedLoop stopped(server);
  application.gate.open();
  REQUIRE(eventually([&] { return all_made.waiting() == 1; }));
  std::string got;
  while (!front.silent()) {
    got += front.receive([](const std::string& part) { return !part.empty(); });
  }
  all_made.open();
  return response_in(Speech::scgi, got).body().size() / 6;
}

}  // namespace

TEST_SUITE("wire exchange") {
  TEST_CASE("each block of a stream has arrived when the next but one is asked for") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      ScriptedApplication application;
      std::atomic<std::size_t> arrived{0};
      int late = 0;
      application.on("/stream", [&](gateway::Exchange& exchange) {
        const gateway::ResponseHead head{"200 OK", {}};
        ScriptedApplication::stream(exchange, &head, "block,");
        for (std::size_t i = 1; i < 200; ++i) {
          // In haste but once in a while.
          if (i >= 2 && i % 20 < 2 && !eventually([&] { return arrived >= i - 1; })) ++late;
          ScriptedApplication::stream(exchange, nullptr, "block,");
        }
        ScriptedApplication::end(exchange);
      });
      RunningServer server(application);
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/stream"})));
      const std::string got = front.receive([&](const std::string& bytes) {
        arrived = response_in(speech, bytes).body().size() / 6;
        return arrived == 200;
      });
      CHECK(arrived == 200);
      CHECK(late == 0);
    }
  }

  TEST_CASE("a block that comes at once goes out with the next one") {
    // Whoever makes haste may be kept from it, so there are several tries.
    constexpr std::size_t kBlocks = 42;
    CHECK(eventually([] { return arrived_without_the_loop(kBlocks) == kBlocks - 1; }));
  }

  TEST_CASE("blocks that are made slowly are sent at once") {
    ScriptedApplication application;
    std::atomic<std::size_t> arrived{0};
    application.on("/slow", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      const gateway::ResponseHead head{"200 OK", {}};
      ScriptedApplication::stream(exchange, &head, "block,");
      for (std::size_t i = 1; i < 40 && eventually([&] { return arrived == i; }); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ScriptedApplication::stream(exchange, nullptr, "block,");
      }
    });
    RunningServer server(application);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::scgi, {"/slow"})));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    const StoppedLoop stopped(server);
    application.gate.open();
    front.receive([&](const std::string& bytes) {
      arrived = response_in(Speech::scgi, bytes).body().size() / 6;
      return arrived == 40;
    });
    CHECK(arrived == 40);
  }

  TEST_CASE("an application that waits for its body has sent what it gave") {
    for (const Speech speech : kSpeeches) {
      for (const int blocks : {41, 42}) {
        CAPTURE(name(speech));
        CAPTURE(blocks);
        std::string expected;
        for (int i = 0; i < blocks; ++i) expected += "block,";
        ScriptedApplication application;
        application.on("/echo", [&](gateway::Exchange& exchange) {
          application.gate.wait();
          const gateway::ResponseHead head{"200 OK", {}};
          ScriptedApplication::stream(exchange, &head, "block,");
          for (int i = 1; i < blocks; ++i) {
            ScriptedApplication::stream(exchange, nullptr, "block,");
          }
          ScriptedApplication::stream(exchange, nullptr, ScriptedApplication::read_all(exchange));
          ScriptedApplication::end(exchange);
        });
        UsualOptions options;
        options.body_buffer = 1000;
        RunningServer server(application, {options});
        const auto read_body = [&](FrontSocket& front, std::string got) {
          got += front.receive([&](const std::string& part) {
            return response_in(speech, got + part).body() == expected;
          });
          CHECK(response_in(speech, got).body() == expected);
          return got;
        };
        Asked asked{"/echo"};
        asked.method = "POST";
        asked.body = std::string(1100, 'b');
        const std::string bytes = request(speech, asked);
        const std::size_t most = bytes.size() - 18;  // not the body's last bytes, nor FastCGI's end
        FrontSocket front = server.connect();
        REQUIRE(front.send(std::string_view(bytes).substr(0, most)));
        REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
        std::optional<StoppedLoop> stopped(server);
        application.gate.open();
        const std::string before = read_body(front, {});
        stopped.reset();
        REQUIRE(front.send(std::string_view(bytes).substr(most)));
        expected += asked.body;
        read_body(front, before);
      }
    }
  }
}
