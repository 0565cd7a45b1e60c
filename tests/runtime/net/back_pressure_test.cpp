// Tests that slow readers on either side stop only their own request.

#include <doctest/doctest.h>

#include <numeric>

#include "fakes/pattern.hpp"
#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"
#include "runtime/net/connection.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

std::string head_of(const Asked& asked) {
  return fastcgi_head(asked, wire::kKeep, std::to_string(asked.body.size()));
}

/// Of some bytes that all must wait for: how many a front could send without reading.
std::size_t sent_unread(RunningServer& server, FrontSocket& front, const std::string& unit,
                        std::size_t most) {
  std::string bytes;
  while (bytes.size() < 65'536) bytes += unit;
  bytes.resize(bytes.size() / unit.size() * unit.size());
  std::size_t sent = 0;
  std::size_t before = 0;
  int still = 0;
  while (sent < most && still < 20) {
    before = sent;
    // From within a unit on, if that is where it stopped.
    sent += front.send_what_fits(std::string_view(bytes).substr(sent % bytes.size()));
    server.on_loop([] {});
    still = sent == before ? still + 1 : 0;
  }
  return sent;
}

/// True once `count` replies have come: management results, unknown types, ended responses.
auto replies(std::size_t count) {
  return [count, seen = std::size_t{0}, at = std::size_t{0}](const std::string& bytes) mutable {
    while (bytes.size() >= at + 8) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
      if (byte(1) == 3 || byte(1) == 10 || byte(1) == 11) ++seen;
      at += 8 + byte(4) * 256u + byte(5) + byte(6);
    }
    return seen >= count;
  };
}

struct Scripts : ScriptedApplication {
  Gate streaming;
  std::string big = pattern(4 << 20);

  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, read_all(exchange));
    });
    on("/ignore", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "not read");
    });
    on("/big", [this](gateway::Exchange& exchange) { respond(exchange, big); });
    // Gives its response, then reads.
    on("/first", [this](gateway::Exchange& exchange) {
      streaming.wait();
      const gateway::ResponseHead head{"200 OK", {}};
      stream(exchange, &head, std::string_view(big).substr(0, 300'000));
      gate.wait();
      stream(exchange, nullptr, read_all(exchange));
      end(exchange);
    });
  }
};

UsualOptions small_buffer() {
  UsualOptions options;
  options.body_buffer = 10'000;
  return options;
}

}  // namespace

TEST_SUITE("back-pressure") {
  TEST_CASE("two uploads on one connection both arrive, wherever the second begins") {
    const std::string first = pattern(200'000, 1);
    const std::string second = pattern(200'000, 2);
    for (std::size_t start = 0; start <= 40'000; start += 2'500) {
      CAPTURE(start);
      Scripts scripts;
      RunningServer server(scripts, {small_buffer(), 2});
      FrontSocket front = server.connect();
      const Asked one = post("/wait", first, 1);
      const Asked other = post("/wait", second, 2);
      std::string bytes = head_of(one) + fastcgi_stdin(1, first.substr(0, start)) + head_of(other);
      for (std::size_t at = 0; at < first.size(); at += 2'500) {
        if (at >= start) bytes += wire::stdin_of(1, first.substr(at, 2'500));
        bytes += wire::stdin_of(2, second.substr(at, 2'500));
      }
      bytes += wire::stdin_of(1, "") + wire::stdin_of(2, "");
      // What comes first must be read in one go, before either is read by the application.
      const std::string_view all = bytes;
      REQUIRE(front.send(all.substr(0, 60'000)));
      server.on_loop([] {});
      scripts.gate.open();
      const FastcgiResponses responses(front.exchange(all.substr(60'000), ended_responses(2)));
      REQUIRE(responses.ended() == 2);
      CHECK(responses.by_id.at(1).body() == first);
      CHECK(responses.by_id.at(2).body() == second);
    }
  }

  TEST_CASE("an upload that nobody reads does not stop others on its connection") {
    Scripts scripts;
    Gate later;
    scripts.on("/later", [&](gateway::Exchange& exchange) {
      later.wait();
      ScriptedApplication::respond(exchange, "later");
    });
    RunningServer server(scripts, {small_buffer(), 3});
    FrontSocket front = server.connect();
    const Asked upload = post("/wait", pattern(200'000), 1);
    Asked running{"/later"};
    running.id = 2;
    Asked next{"/hello"};
    next.id = 3;
    REQUIRE(front.send(request(Speech::fastcgi_kept, running) + head_of(upload) +
                       fastcgi_stdin(1, upload.body.substr(0, 100'000))));
    REQUIRE(eventually([&] { return scripts.gate.waiting() + later.waiting() == 2; }));
    const FastcgiResponses early(
        front.exchange(request(Speech::fastcgi_kept, next), ended_responses(1)));
    REQUIRE(early.ended() == 1);
    CHECK(early.by_id.at(3).body() == "hello");
    later.open();
    scripts.gate.open();
    const FastcgiResponses late(front.exchange(
        fastcgi_stdin(1, upload.body.substr(100'000)) + wire::stdin_of(1, ""), ended_responses(2)));
    REQUIRE(late.ended() == 2);
    CHECK(late.by_id.at(2).body() == "later");
    CHECK(late.by_id.at(1).body() == upload.body);
  }

  TEST_CASE("an abort in the same read that paused leaves the connection hearing") {
    for (const std::size_t size : {10'000u, 60'000u}) {
      CAPTURE(size);
      Scripts scripts;
      RunningServer server(scripts, {small_buffer(), 2});
      FrontSocket front = server.connect();
      const Asked upload = post("/wait", pattern(500'000));
      REQUIRE(front.send(head_of(upload) + fastcgi_stdin(1, upload.body.substr(0, size)) +
                         wire::abort_request(1)));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1 || !front.silent(); }));
      Asked next{"/hello"};
      next.id = 2;
      const FastcgiResponses responses(
          front.exchange(request(Speech::fastcgi_kept, next), ended_responses(2)));
      REQUIRE(responses.ended() == 2);
      CHECK(responses.by_id.at(2).body() == "hello");
    }
  }

  TEST_CASE("the rest of an upload is drained after the queue's time is up") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Scripts scripts;
      ServerSetup setup{small_buffer(), 1};
      setup.queue_time = 50ms;
      RunningServer server(scripts, setup);
      FrontSocket busy = server.connect();
      REQUIRE(busy.send(request(Speech::uwsgi, {"/wait"})));
      REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
      FrontSocket front = server.connect();
      // The whole body first, as Apache sends it.
      REQUIRE(front.send(request(speech, post("/wait", pattern(4 << 20)))));
      const bool kept = speech == Speech::fastcgi_kept;
      const FrontResponse refused =
          response_in(speech, kept ? front.receive(ended_responses(1)) : front.receive());
      CHECK(refused.status() == "503");
      CHECK_FALSE(front.was_reset());
      if (kept) {
        scripts.gate.open();
        Asked next{"/hello"};
        next.id = 2;
        const std::string bytes = front.exchange(request(speech, next), ended_responses(1));
        CHECK(response_in(speech, bytes, 2).body() == "hello");
      }
    }
  }

  TEST_CASE("a body is read on once it is spooled for a response that has gone out meanwhile") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Scripts scripts;
      RunningServer server(scripts, {small_buffer(), 2});
      FrontSocket front = server.connect();
      const std::string body = pattern(100'000);
      const std::string bytes = request(speech, post("/first", body));
      REQUIRE(front.send(bytes.substr(0, 30'000)));
      REQUIRE(eventually([&] { return scripts.streaming.waiting() == 1; }));
      REQUIRE(front.send(std::string_view(bytes).substr(30'000)));  // nobody wants it yet
      server.on_loop([] {});
      std::string got;
      {
        StoppedLoop stopped(server);
        scripts.streaming.open();
        REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
        while (!front.silent()) {
          got += front.receive([](const std::string& some) { return !some.empty(); });
        }
      }
      // Before the application reads on: nothing but the loop moves the rest.
      const std::size_t before = got.size();
      REQUIRE(before < 300'000);
      got += front.receive([&](const std::string& some) { return before + some.size() > 300'000; });
      server.on_loop([] {});
      scripts.gate.open();
      const bool kept = speech == Speech::fastcgi_kept;
      got += kept ? front.receive(ended_responses(1)) : front.receive();
      CHECK(response_in(speech, got).body() == scripts.big.substr(0, 300'000) + body);
    }
  }

  TEST_CASE("a call that has answered without reading does not keep the front from sending") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Scripts scripts;
      Gate closing;
      std::atomic<bool> cut{false};
      scripts.on("/slow-end", [&](gateway::Exchange& exchange) {
        scripts.streaming.wait();
        ScriptedApplication::respond(exchange, "early");
        // As the close() of an iterable may: it reads what is left.
        cut = ScriptedApplication::read_all(exchange).find("(cut)") != std::string::npos;
        closing.wait();
      });
      RunningServer server(scripts, {small_buffer(), 2});
      FrontSocket front = server.connect();
      const std::string bytes = request(speech, post("/slow-end", pattern(4 << 20)));
      std::string_view rest = bytes;
      rest.remove_prefix(front.send_what_fits(rest));
      REQUIRE(eventually([&] { return scripts.streaming.waiting() == 1; }));
      scripts.streaming.open();
      const bool sent = front.send(rest);
      CHECK(sent);
      CHECK(eventually([&] { return closing.waiting() == 1; }));
      closing.open();
      CHECK(cut.load());
      const bool kept = speech == Speech::fastcgi_kept;
      CHECK(
          response_in(speech, kept ? front.receive(ended_responses(1)) : front.receive()).body() ==
          "early");
    }
  }

  TEST_CASE("no time of the front's runs while appd does not read") {
    Scripts scripts;
    UsualOptions options = small_buffer();
    options.header_timeout = 1s;
    options.body_timeout = 1s;
    RunningServer server(scripts, {options, 2});
    FrontSocket front = server.connect();
    const Asked upload = post("/wait", pattern(50'000), 1);
    Asked next{"/hello"};
    next.id = 2;
    const std::string later = request(Speech::fastcgi_kept, next);
    // A body that fills the buffer, and the beginning of another request.
    REQUIRE(front.send(head_of(upload) + fastcgi_stdin(1, upload.body.substr(0, 30'000)) +
                       later.substr(0, 16)));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    std::this_thread::sleep_for(1500ms);  // the application's pace, not synchronisation
    scripts.gate.open();
    // Longer than the loop takes to look at deadlines, shorter than the front may take: both for
    // the rest of the body and for that of the head.
    std::this_thread::sleep_for(400ms);
    REQUIRE(front.send(fastcgi_stdin(1, upload.body.substr(30'000))));
    const FastcgiResponses responses(
        front.exchange(later.substr(16) + wire::stdin_of(1, ""), ended_responses(2)));
    for (const LogEvent timeout : {LogEvent::connection_timeout, LogEvent::body_timeout}) {
      CHECK(server.reporter().count(timeout) == 0);
    }
    REQUIRE(responses.ended() == 2);
    CHECK(responses.by_id.at(1).body() == upload.body);
    CHECK(responses.by_id.at(2).body() == "hello");
  }

  TEST_CASE("a front that reads no replies cannot go on asking, and gets all in the end") {
    const std::string values =
        wire::record(9, 0, wire::fastcgi_pairs({{"FCGI_MAX_CONNS", ""}, {"FCGI_MAX_REQS", ""}}));
    const std::string unknown = wire::record(77, 0, "");
    const std::string role = wire::record(1, 5, std::string("\0\2\1\0\0\0\0\0", 8));
    const std::string refused = wire::begin(7, wire::kKeep) + wire::params(7, "");
    for (const std::string& unit : {values, unknown, role, refused}) {
      CAPTURE(unit.size());
      Scripts scripts;
      RunningServer server(scripts);
      FrontSocket front = server.connect();
      const std::size_t sent = sent_unread(server, front, unit, 64 << 20);
      CHECK(sent < 16 << 20);
      CHECK(server.on_loop([&] { return server.server().outgoing_memory().used(); }) < 8 << 20);
      const std::size_t asked = sent / unit.size();
      // The rest of a unit, if it was cut, and a last one.
      const std::string last =
          unit.substr(sent % unit.size() == 0 ? unit.size() : sent % unit.size());
      const std::size_t due = asked + (last.empty() ? 0 : 1);
      CHECK(replies(due)(front.exchange(last, replies(due))));
      CHECK(front.silent());
    }
  }

  TEST_CASE("a front that reads no responses cannot go on asking for them") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    std::string requests;
    Asked asked{"/big"};
    for (asked.id = 1; asked.id <= 8000; ++asked.id) {
      requests += request(Speech::fastcgi_kept, asked);
    }
    const std::size_t sent = sent_unread(server, front, requests, 64 << 20);
    CHECK_FALSE(front.ended());
    CHECK(server.connections() == 1);
    CHECK(sent < 1 << 20);
  }
}
