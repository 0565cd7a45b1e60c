// Two running servers that share their requests, and what they answer.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/running_server.hpp"
#include "fakes/scripted_application.hpp"
#include "fakes/usual_options.hpp"

namespace appd::test {

/// What one of the workers answers, by path.
struct Scripts : ScriptedApplication {
  explicit Scripts(std::string name) : name_(std::move(name)) {
    on("/who", [this](gateway::Exchange& exchange) { respond(exchange, name_); });
    // Who it was, and the body.
    on("/echo", [this](gateway::Exchange& exchange) {
      note(exchange);
      respond(exchange, name_ + ":" + read_all(exchange));
    });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/answer-and-wait", [this](gateway::Exchange& exchange) {
      respond(exchange, "answered");
      gate.wait();
    });
    on("/wait-again", [this](gateway::Exchange& exchange) {
      second_gate.wait();
      respond(exchange, "waited again");
    });
    on("/large", [](gateway::Exchange& exchange) { respond(exchange, std::string(8 << 20, 'l')); });
    on("/slow", [](gateway::Exchange& exchange) {
      const std::string body = read_all(exchange);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      respond(exchange, body);
    });
    on("/fast", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
  }
  ~Scripts() { second_gate.open(); }

  Gate second_gate;

  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  void note(const gateway::Exchange& exchange) {
    const std::lock_guard lock(mutex_);
    order_.emplace_back(exchange.request().find("CONTENT_LENGTH"));
  }

  const std::string name_;
  std::mutex mutex_;
  std::vector<std::string> order_;
};

/// Two workers of one thread each that share what would have to wait. Each has a socket of its own,
/// so that a test knows whose a connection is at first.
struct Two {
  explicit Two(UsualOptions options = {}, unsigned threads = 1)
      : a(in_a, {options, threads, 1000, false, &share, 0}),
        b(in_b, {options, threads, 1000, false, &share, 1}) {}
  ~Two() {
    in_a.second_gate.open();
    in_b.second_gate.open();
  }

  /// A connection that is this worker's.
  static FrontSocket connect(RunningServer& server) {
    const std::size_t before = server.connections();
    FrontSocket front = server.connect();
    REQUIRE(eventually([&] { return server.connections() == before + 1; }));
    return front;
  }
  /// Its only thread is in a call until the gate opens.
  static FrontSocket block(RunningServer& server, Scripts& scripts) {
    FrontSocket front = connect(server);
    REQUIRE(front.send(request(Speech::uwsgi, post("/wait"))));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    return front;
  }
  static void finish(FrontSocket& blocked, Scripts& scripts) {
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, blocked.receive()).body() == "waited");
  }
  /// The worker's thread has come back from its call; before that connections may go over.
  bool is_idle(unsigned index) const { return share.loads[index].running.load() == 0; }
  /// True when requests of `a` that were queued before this one have had their chance to go over,
  /// since this one went.
  bool another_goes_over(FrontSocket& front) {
    return front.send(request(Speech::scgi, post("/who"))) &&
           response_in(Speech::scgi, front.receive()).body() == "b";
  }

  Share share{2};
  Scripts in_a{"a"};
  Scripts in_b{"b"};
  RunningServer a;
  RunningServer b;
};

inline std::string receive_response(FrontSocket& front, Speech speech) {
  return response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                            : front.receive())
      .body();
}

}  // namespace appd::test
