// What becomes of connections that can be handed over when the server drains.

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;
using support::UniqueFd;

namespace {

struct Scripts : ScriptedApplication {
  std::string big = std::string(4 << 20, 'b');

  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/tail", [this](gateway::Exchange& exchange) {
      respond(exchange, "tail");
      gate.wait();
    });
    on("/big", [this](gateway::Exchange& exchange) { respond(exchange, big); });
  }
};

/// Takes connections as the box of a real server does, while it has room.
class Box {
 public:
  explicit Box(int room = 1000) : room_(room) {}

  /// What a drain hands connections over with. `before`: what happens just before a connection is
  /// taken.
  RunningServer::WayOut way_in(std::function<void()> before = nullptr) {
    return [this, before = std::move(before)](int socket) {
      ++asked_;
      if (room_.load() == 0) return false;
      --room_;
      if (before) before();
      const std::lock_guard lock(mutex_);
      taken_.emplace_back(::dup(socket));
      return true;
    };
  }
  void make_room() { room_ = 1000; }
  int asked() const { return asked_.load(); }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return taken_.size();
  }
  bool gets(std::size_t count) const {
    return eventually([&] { return size() == count; });
  }
  /// Gives all to the next server.
  void pass_on(RunningServer& next) {
    const std::lock_guard lock(mutex_);
    next.on_loop([&] {
      for (UniqueFd& socket : taken_)
        next.server().adopt(std::move(socket), net::Caller::front, {});
    });
    taken_.clear();
  }

 private:
  std::atomic<int> room_;
  std::atomic<int> asked_{0};
  mutable std::mutex mutex_;
  std::vector<UniqueFd> taken_;
};

std::string body_over(Speech speech, FrontSocket& front, const std::string& path) {
  const std::string sent = request(speech, {path});
  const std::string got = speech == Speech::fastcgi_kept ? front.exchange(sent, ended_responses(1))
                                                         : front.exchange(sent);
  return response_in(speech, got).body();
}

std::string kept_body(FrontSocket& front) {
  return response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body();
}

/// A kept connection on which a request has been answered.
FrontSocket idle_front(const RunningServer& server) {
  FrontSocket front = server.connect();
  REQUIRE(body_over(Speech::fastcgi_kept, front, "/hello") == "hello");
  return front;
}

}  // namespace

TEST_SUITE("handover of a draining server") {
  TEST_CASE("idle connections are handed over, and served as before") {
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      Scripts scripts;
      RunningServer server(scripts, {.tcp = tcp});
      FrontSocket idle = idle_front(server);
      std::vector<FrontSocket> silent;
      for (std::size_t i = 0; i < kSpeeches.size(); ++i) silent.push_back(server.connect());
      REQUIRE(eventually([&] { return server.connections() == 5; }));
      Box box;
      server.drain(box.way_in());
      CHECK(box.gets(5));
      CHECK(eventually([&] { return server.drained(); }));
      CHECK(idle.silent());
      RunningServer next(scripts);
      box.pass_on(next);
      CHECK(body_over(Speech::fastcgi_kept, idle, "/hello") == "hello");
      CHECK(body_over(Speech::fastcgi_kept, idle, "/hello") == "hello");
      for (std::size_t i = 0; i < silent.size(); ++i) {
        CAPTURE(name(kSpeeches[i]));
        CHECK(body_over(kSpeeches[i], silent[i], "/hello") == "hello");
      }
    }
  }

  TEST_CASE("a connection that still waits to be accepted goes too, unless its request is there") {
    Scripts scripts;
    RunningServer server(scripts);
    Box box;
    FrontSocket silent(UniqueFd{});
    FrontSocket asking(UniqueFd{});
    server.on_loop([&] {  // so that nobody accepts meanwhile
      silent = server.connect();
      asking = server.connect();
      REQUIRE(asking.send(request(Speech::uwsgi, {"/hello"})));
      // The last connection may go before the next is accepted.
      server.drain_server([&] { server.pool().stop(); }, box.way_in());
    });
    CHECK(response_in(Speech::uwsgi, asking.receive()).body() == "hello");
    CHECK(box.gets(1));
    CHECK(silent.silent());
    CHECK(eventually([&] { return server.threads_ended(); }));
    CHECK(server.server().connections() == 0);
  }

  TEST_CASE("a busy connection goes after its response if it stays open then") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4});
    std::vector<FrontSocket> fronts;
    for (const Speech speech : kSpeeches) {
      fronts.push_back(server.connect());
      REQUIRE(fronts.back().send(request(speech, {"/wait"})));
    }
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 4; }));
    Box box;
    server.drain(box.way_in());
    CHECK(box.asked() == 0);
    CHECK(server.connections() == 4);
    scripts.gate.open();
    for (std::size_t i = 0; i < fronts.size(); ++i) {
      CAPTURE(name(kSpeeches[i]));
      const bool kept = kSpeeches[i] == Speech::fastcgi_kept;
      const std::string got = kept ? fronts[i].receive(ended_responses(1)) : fronts[i].receive();
      CHECK(response_in(kSpeeches[i], got).body() == "waited");
      CHECK(fronts[i].ended() == !kept);
    }
    CHECK(box.gets(1));
    CHECK(fronts[0].silent());
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a request that was there already is answered first, one that comes goes along") {
    Scripts scripts;
    RunningServer server(scripts);
    RunningServer next(scripts);
    FrontSocket front = idle_front(server);
    Box box;
    server.on_loop([&] {
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      server.drain_server([] {}, box.way_in([&] {
        // Between the last look at the socket and its going.
        CHECK(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      }));
    });
    CHECK(kept_body(front) == "hello");
    REQUIRE(box.gets(1));
    CHECK(scripts.calls() == 2);
    CHECK(front.silent());
    box.pass_on(next);
    CHECK(kept_body(front) == "hello");
    CHECK(scripts.calls() == 3);
  }

  TEST_CASE("a request that follows a response goes along, though the call is not quite over") {
    Scripts scripts;
    RunningServer server(scripts);
    RunningServer next(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/tail"})));
    REQUIRE(kept_body(front) == "tail");
    Box box;
    server.drain(box.way_in());
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
    // Tasks run before the events that were found with them: after two, it would have been read.
    for (int i = 0; i < 2; ++i) server.on_loop([] {});
    CHECK(front.silent());
    scripts.gate.open();
    REQUIRE(box.gets(1));
    CHECK(scripts.calls() == 1);
    box.pass_on(next);
    CHECK(kept_body(front) == "hello");
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a part of a request stays until the rest has come and is answered") {
    for (const Speech speech : kSpeeches) {
      const std::string bytes = request(speech, {"/hello"});
      for (const std::size_t part : {std::size_t{1}, std::size_t{9}, bytes.size() - 1}) {
        CAPTURE(name(speech));
        CAPTURE(part);
        Scripts scripts;
        RunningServer server(scripts);
        const bool kept = speech == Speech::fastcgi_kept;
        FrontSocket front = server.connect();
        REQUIRE(front.send(std::string_view(bytes).substr(0, part)));
        Box box;
        server.drain(box.way_in());
        CHECK(box.asked() == 0);
        CHECK(server.connections() == 1);
        REQUIRE(front.send(std::string_view(bytes).substr(part)));
        const std::string got = kept ? front.receive(ended_responses(1)) : front.receive();
        CHECK(response_in(speech, got).body() == "hello");
        CHECK(front.ended() == !kept);
        if (!kept) front.close();  // which late input is waited for
        CHECK(box.gets(kept ? 1 : 0));
        CHECK(eventually([&] { return server.drained(); }));
      }
    }
  }

  TEST_CASE("bytes that may begin any protocol stay too") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send("G"));
    Box box;
    server.drain(box.way_in());
    CHECK(box.asked() == 0);
    CHECK(server.connections() == 1);
    REQUIRE(front.send("ET / HTTP/1.1\r\n\r\n"));
    CHECK(front.receive().find("HTTP/1.1 ") == 0);
    front.close();
    CHECK(eventually([&] { return server.drained(); }));
    CHECK(box.asked() == 0);
  }

  TEST_CASE("a call whose request was aborted keeps the connection here until it has ended") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    REQUIRE(front.send(wire::abort_request(1)));
    front.receive(ended_responses(1));
    Box box;
    server.drain(box.way_in());
    CHECK(box.asked() == 0);
    CHECK(server.connections() == 1);
    scripts.gate.open();
    CHECK(box.gets(1));
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("the beginning of a further request keeps the connection here") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    const std::string bytes = request(Speech::fastcgi_kept, {"/hello"});
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    Box box;
    server.drain(box.way_in());
    REQUIRE(front.send(std::string_view(bytes).substr(0, 5)));
    // Tasks run before the events that were found with them: after two, those bytes are read.
    for (int i = 0; i < 2; ++i) server.on_loop([] {});
    scripts.gate.open();
    CHECK(kept_body(front) == "waited");
    REQUIRE(front.send(std::string_view(bytes).substr(5)));
    CHECK(kept_body(front) == "hello");
    CHECK(box.gets(1));
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a body that is still due keeps the connection here, though nobody reads it") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    Asked asked{"/hello", "POST", std::string(10, 'x')};
    const std::string bytes = request(Speech::fastcgi_kept, asked);
    const std::size_t without_end = bytes.size() - 8;
    REQUIRE(front.send(std::string_view(bytes).substr(0, without_end)));
    CHECK(kept_body(front) == "hello");
    Box box;
    server.drain(box.way_in());
    CHECK(box.asked() == 0);
    REQUIRE(front.send(std::string_view(bytes).substr(without_end)));
    CHECK(box.gets(1));
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("of several requests on one connection, the last response lets it go") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 2});
    FrontSocket front = server.connect();
    Asked second{"/hello"};
    second.id = 2;
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    Box box;
    server.drain(box.way_in());
    REQUIRE(front.send(request(Speech::fastcgi_kept, second)));
    const std::string got = front.receive(ended_responses(1));
    CHECK(response_in(Speech::fastcgi_kept, got, 2).body() == "hello");
    CHECK(server.connections() == 1);
    CHECK(box.asked() == 0);
    scripts.gate.open();
    CHECK(kept_body(front) == "waited");
    CHECK(box.gets(1));
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a response that waits for its reader goes out here first, whole") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/big"})));
    REQUIRE(eventually([&] { return scripts.ended() == 1; }));
    Box box;
    server.drain(box.way_in());
    CHECK(box.asked() == 0);
    CHECK(server.connections() == 1);
    CHECK(kept_body(front) == scripts.big);
    CHECK(box.gets(1));
    CHECK_FALSE(front.ended());
    CHECK(eventually([&] { return server.drained(); }));
  }

  TEST_CASE("a front that has ended its sending side gets its response and the end") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    front.end_sending();
    Box box;
    server.drain(box.way_in());
    scripts.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, front.receive()).body() == "waited");
    CHECK(front.ended());
    CHECK(eventually([&] { return server.drained(); }));
    CHECK(box.asked() == 0);
  }

  TEST_CASE("what the box has no room for is tried again, and served meanwhile") {
    Scripts scripts;
    RunningServer server(scripts);
    std::vector<FrontSocket> fronts;
    for (int i = 0; i < 5; ++i) fronts.push_back(idle_front(server));
    Box box(2);
    server.drain(box.way_in());
    REQUIRE(eventually([&] { return box.asked() >= 10; }));
    CHECK(box.size() == 2);
    CHECK(server.connections() == 3);
    std::size_t served = 0;
    for (FrontSocket& front : fronts) {
      CHECK(front.silent());
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
    }
    REQUIRE(eventually([&] { return scripts.ended() == 5 + 3; }));
    RunningServer next(scripts);
    box.pass_on(next);
    for (FrontSocket& front : fronts) served += kept_body(front) == "hello";
    CHECK(served == 5);
    CHECK_FALSE(server.drained());
    box.make_room();
    CHECK(box.gets(3));
    CHECK(eventually([&] { return server.drained(); }));
    for (const FrontSocket& front : fronts) CHECK(front.silent());
  }

  TEST_CASE("a second drain hands over elsewhere, or nowhere: then what is idle is closed") {
    for (const bool closing : {false, true}) {
      CAPTURE(closing);
      Scripts scripts;
      RunningServer server(scripts);
      FrontSocket idle = idle_front(server);
      FrontSocket busy = server.connect();
      REQUIRE(busy.send(request(Speech::fastcgi_kept, {"/wait"})));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      Box full(0);
      server.drain(full.way_in());
      REQUIRE(eventually([&] { return full.asked() >= 3; }));
      CHECK(idle.silent());
      Box other;
      server.drain(closing ? nullptr : other.way_in());
      if (closing) {
        CHECK(idle.sees_end());
      } else {
        CHECK(other.gets(1));
      }
      CHECK_FALSE(server.drained());
      scripts.gate.open();
      CHECK(kept_body(busy) == "waited");
      CHECK(eventually([&] { return server.drained(); }));
      if (closing) CHECK(busy.sees_end());
      CHECK(other.size() == (closing ? 0u : 2u));
      server.stop_threads();
      CHECK(server.times_drained() == 1);
    }
  }

  TEST_CASE("an idle server that hands over is done at once, and only once") {
    Scripts scripts;
    RunningServer server(scripts);
    Box box;
    server.drain(box.way_in());
    CHECK(eventually([&] { return server.drained(); }));
    server.stop_threads();
    server.drain_server([] { FAIL("done again"); }, box.way_in());
    CHECK(server.times_drained() == 1);
    CHECK(box.asked() == 0);
  }
}
