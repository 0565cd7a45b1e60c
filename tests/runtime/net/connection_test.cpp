// Tests of connections over every wire, with a scripted application.

#include "runtime/net/connection.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <mutex>
#include <random>
#include <set>

#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::Level;
using gateway::LogEvent;

namespace {

/// Bytes that show any loss, repetition or exchange of order.
std::string pattern(std::size_t size, unsigned seed = 1) {
  std::minstd_rand random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() >> 7);
  return bytes;
}

Asked post(std::string path, std::string body) {
  Asked asked;
  asked.path = std::move(path);
  asked.method = "POST";
  asked.body = std::move(body);
  return asked;
}

/// An application with the scripts that most tests need.
struct Scripts : ScriptedApplication {
  std::string big = pattern(4 << 20);

  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/echo", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
    on("/length", [](gateway::Exchange& exchange) {
      respond(exchange, exchange.request().find("CONTENT_LENGTH"));
    });
    on("/ignore", [](gateway::Exchange& exchange) { respond(exchange, "not read"); });
    on("/big", [this](gateway::Exchange& exchange) { respond(exchange, big); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/stream", [this](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (stream(exchange, &head, big)) end(exchange);
    });
  }
};

/// Files in the folder that are open, also those without a name.
std::size_t open_files(const TemporaryFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.starts_with(folder.path() + "/")) ++count;
  }
  return count;
}

bool is_complete(Speech speech, const FrontResponse& response) {
  if (response.late_bytes) return false;
  return !is_fastcgi(speech) || (response.stdout_ended && response.ends == 1);
}

}  // namespace

TEST_SUITE("connection") {
  TEST_CASE("a simple request is answered over every protocol") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/hello"})));
      const bool kept = speech == Speech::fastcgi_kept;
      const FrontResponse response =
          response_in(speech, kept ? front.receive(ended_responses(1)) : front.receive());
      CHECK(response.status() == "200");
      CHECK(response.body() == "hello");
      CHECK(is_complete(speech, response));
      CHECK(front.ended() == !kept);
    }
    CHECK(server.reporter().count(Level::info) == 0);
  }

  TEST_CASE("a kept connection serves one request after the other") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    for (unsigned i = 0; i < 50; ++i) {
      const std::string body = pattern(i * 97, i);
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", body))));
      const FrontResponse response =
          response_in(Speech::fastcgi_kept, front.receive(ended_responses(1)));
      CHECK(response.body() == body);
      CHECK(is_complete(Speech::fastcgi_kept, response));
    }
    CHECK(server.connections() == 1);
  }

  TEST_CASE("connections that have been answered keep no exchange") {
    // Short calls are run by who leads the loop, long ones by others.
    for (const auto duration : {0us, 1000us}) {
      CAPTURE(duration.count());
      Scripts scripts;
      std::mutex mutex;
      std::set<const gateway::Exchange*> used;
      scripts.on("/which", [&](gateway::Exchange& exchange) {
        const auto until = std::chrono::steady_clock::now() + duration;
        while (std::chrono::steady_clock::now() < until) continue;
        const std::lock_guard lock(mutex);
        used.insert(&exchange);
        ScriptedApplication::respond(exchange, "hello");
      });
      RunningServer server(scripts);
      std::vector<FrontSocket> fronts;
      for (int i = 0; i < 40; ++i) {
        fronts.push_back(server.connect());
        REQUIRE(fronts.back().send(request(Speech::fastcgi_kept, {"/which"})));
        REQUIRE(
            response_in(Speech::fastcgi_kept, fronts.back().receive(ended_responses(1))).body() ==
            "hello");
      }
      CHECK(server.connections() == 40);
      const std::lock_guard lock(mutex);
      CHECK(used.size() <= 8);
    }
  }

  TEST_CASE("a request may be cut anywhere") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const std::string bytes = request(speech, post("/echo", "the body"));
      for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        CAPTURE(cut);
        FrontSocket front = server.connect();
        REQUIRE(front.send(bytes.substr(0, cut)));
        // The loop has read the first part once it has answered this.
        server.on_loop([] {});
        REQUIRE(front.send(bytes.substr(cut)));
        const FrontResponse response =
            response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                               : front.receive());
        REQUIRE(response.body() == "the body");
        REQUIRE(is_complete(speech, response));
      }
    }
  }

  TEST_CASE("bodies below and above the buffer arrive whole, also at a slow reader") {
    Scripts scripts;
    scripts.on("/slow", [](gateway::Exchange& exchange) {
      const std::string body = ScriptedApplication::read_all(exchange, 1000);
      ScriptedApplication::respond(exchange, body);
    });
    net::ServerOptions options;
    options.body_buffer = 64 * 1024;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      for (const std::size_t size : {1u, 64u * 1024 - 1, 64u * 1024, 64u * 1024 + 1, 5u << 20}) {
        CAPTURE(size);
        const std::string body = pattern(size);
        const FrontResponse response =
            server.ask(speech, post(size > 1 << 20 ? "/slow" : "/echo", body));
        CHECK(response.body() == body);
        CHECK(is_complete(speech, response));
      }
    }
  }

  TEST_CASE("a body that nobody reads makes the front wait") {
    Scripts scripts;
    net::ServerOptions options;
    options.body_buffer = 64 * 1024;
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      const std::string bytes = request(speech, post("/wait", pattern(32 << 20)));
      std::string_view rest = bytes;
      // Full when the loop has looked and still nothing more fits.
      std::size_t before = 0;
      do {
        before = rest.size();
        rest.remove_prefix(front.send_what_fits(rest));
        server.on_loop([] {});
      } while (rest.size() != before);
      CHECK(bytes.size() - rest.size() < 4 << 20);
    }
  }

  TEST_CASE("a body of unknown length is spooled and its true length told") {
    Scripts scripts;
    net::ServerOptions options;
    options.body_buffer = 10'000;
    RunningServer server(scripts, {options});
    for (const std::string announced : {"", "-1"}) {
      for (const std::size_t size : {0u, 9'999u, 300'000u}) {
        CAPTURE(size);
        Asked asked = post("/length", pattern(size));
        asked.length = announced;
        CHECK(server.ask(Speech::fastcgi_kept, asked).body() == std::to_string(size));
        asked.path = "/echo";
        CHECK(server.ask(Speech::fastcgi_closed, asked).body() == asked.body);
      }
    }
  }

  TEST_CASE("a spooled body waits whole before the application runs") {
    Scripts scripts;
    net::ServerOptions options;
    options.body_buffer = 1000;
    options.spool_bodies = true;
    RunningServer server(scripts, {options});
    const std::string body = pattern(400'000);
    const std::string bytes = request(Speech::scgi, post("/echo", body));
    FrontSocket front = server.connect();
    REQUIRE(front.send(std::string_view(bytes).substr(0, bytes.size() - 1)));
    server.on_loop([] {});
    server.on_loop([] {});
    CHECK(scripts.calls() == 0);
    REQUIRE(front.send(std::string_view(bytes).substr(bytes.size() - 1)));
    CHECK(response_in(Speech::scgi, front.receive()).body() == body);
  }

  TEST_CASE("a call that ends after its front has gone leaves no file open") {
    Scripts scripts;
    net::ServerOptions options;
    options.body_buffer = 1000;
    options.spool_bodies = true;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, post("/wait", pattern(400'000)))));
    REQUIRE(eventually([&] { return scripts.calls() == 1; }));
    CHECK(open_files(server.folder()) == 1);
    front.close();
    REQUIRE(eventually([&] { return server.connections() == 0; }));
    scripts.gate.open();
    CHECK(eventually([&] { return open_files(server.folder()) == 0; }));
  }

  TEST_CASE("a front that writes its whole body before it reads is not stuck on a big response") {
    Scripts scripts;
    scripts.on("/both", [&](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (!ScriptedApplication::stream(exchange, &head, scripts.big)) return;
      const std::string body = ScriptedApplication::read_all(exchange);
      if (ScriptedApplication::stream(exchange, nullptr, body)) ScriptedApplication::end(exchange);
    });
    net::ServerOptions options;
    options.body_buffer = 100'000;
    RunningServer server(scripts, {options});
    const std::string body = pattern(8 << 20, 7);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, post("/both", body))));
      const FrontResponse response =
          response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                             : front.receive());
      CHECK(response.body() == scripts.big + body);
      CHECK(is_complete(speech, response));
    }
  }

  TEST_CASE("a complete response does not hold its thread for a slow reader") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const int before = scripts.ended();
      FrontSocket slow = server.connect();
      REQUIRE(slow.send(request(speech, {"/big"})));
      REQUIRE(eventually([&] { return scripts.ended() == before + 1; }));
      // The only thread is free again while all of that waits.
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      const FrontResponse response =
          response_in(speech, speech == Speech::fastcgi_kept ? slow.receive(ended_responses(1))
                                                             : slow.receive());
      CHECK(response.body() == scripts.big);
      CHECK(is_complete(speech, response));
    }
  }

  TEST_CASE("a connection ends whose response can be kept nowhere") {
    Scripts scripts;
    net::ServerOptions options;
    options.outgoing_memory = 1000;
    options.spool_dir = "/dev/null/none";
    RunningServer server(scripts, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket slow = server.connect();
      REQUIRE(slow.send(request(speech, {"/big"})));
      CHECK(eventually([&] { return server.connections() == 0; }));
      CHECK(slow.receive().size() < scripts.big.size());
    }
    CHECK(server.reporter().count(LogEvent::response_not_spooled, {"/dev/null/none"}) > 0);
  }

  TEST_CASE("a streamed response waits for its reader") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      // A front may have its response before the call that gave it has come back.
      REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
      const int before = scripts.ended();
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/stream"})));
      REQUIRE(eventually([&] { return !front.silent(); }));
      CHECK(server.ask(speech, {"/hello"}).body() == "hello");
      // The short one has ended, the streaming one has not.
      CHECK(eventually([&] { return scripts.ended() == before + 1; }));
      CHECK(scripts.calls() == before + 2);
      const FrontResponse response =
          response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                             : front.receive());
      CHECK(response.body() == scripts.big);
      CHECK(is_complete(speech, response));
    }
  }

  TEST_CASE("an early response reaches a front that is still sending the body") {
    Scripts scripts;
    net::ServerOptions options;
    options.max_body = 8 << 20;
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      RunningServer server(scripts, {options, 2, 100, tcp});
      for (const Speech speech : kSpeeches) {
        CAPTURE(name(speech));
        for (const std::size_t size : {2u << 20, 9u << 20}) {
          // As Apache does: the body first, all of it, then the response.
          FrontSocket front = server.connect();
          REQUIRE(front.send(request(speech, post("/ignore", pattern(size)))));
          const FrontResponse response =
              response_in(speech, speech == Speech::fastcgi_kept ? front.receive(ended_responses(1))
                                                                 : front.receive());
          CHECK(response.status() == (size > 8 << 20 ? "413" : "200"));
          CHECK(is_complete(speech, response));
          CHECK_FALSE(front.was_reset());
        }
      }
    }
  }

  TEST_CASE("a kept connection goes on after a body that was not read") {
    Scripts scripts;
    net::ServerOptions options;
    options.max_body = 1 << 20;
    options.body_buffer = 10'000;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    for (const std::size_t size : {500'000u, 2u << 20, 500'000u}) {
      REQUIRE(front.send(request(Speech::fastcgi_kept, post("/ignore", pattern(size)))));
      const FrontResponse response =
          response_in(Speech::fastcgi_kept, front.receive(ended_responses(1)));
      CHECK(response.status() == (size > 1 << 20 ? "413" : "200"));
    }
    REQUIRE(front.send(request(Speech::fastcgi_kept, post("/echo", "still there"))));
    CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
          "still there");
  }

  TEST_CASE("a body of unknown length is measured against --max-body as a whole") {
    Scripts scripts;
    net::ServerOptions options;
    options.max_body = 200'000;  // more than a read or a record brings
    RunningServer server(scripts, {options});
    for (const std::size_t size : {200'000u, 200'001u}) {
      CAPTURE(size);
      Asked asked = post("/length", pattern(size));
      asked.length = "";
      CHECK(server.ask(Speech::fastcgi_kept, asked).status() == (size > 200'000 ? "413" : "200"));
    }
    CHECK(scripts.calls() == 1);
  }

  TEST_CASE("a front that ends its body early gets 400, or its reader is told") {
    Scripts scripts;
    net::ServerOptions options;
    options.body_buffer = 1000;
    RunningServer server(scripts, {options});
    Asked asked = post("/echo", "short");
    asked.length = "10";
    CHECK(server.ask(Speech::fastcgi_kept, asked).status() == "400");
    CHECK(server.reporter().count(LogEvent::request_bad, {"5", "10 bytes"}) == 1);
    asked.body = pattern(2000);
    asked.length = "4000";
    CHECK(server.ask(Speech::fastcgi_kept, asked).body() == asked.body + "(cut)");
    CHECK(server.reporter().count(LogEvent::body_cut, {"2000", "4000 bytes"}) == 1);
  }

  TEST_CASE("a front that shuts down its sending side only is still answered") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/wait"})));
      front.end_sending();
      server.on_loop([] {});
      server.on_loop([&] { scripts.gate.open(); });
      const FrontResponse response = response_in(speech, front.receive());
      CHECK(response.body() == "waited");
      CHECK(front.ended());
    }
    FrontSocket front = server.connect();
    const std::string bytes = request(Speech::uwsgi, post("/echo", "0123456789"));
    REQUIRE(front.send(bytes.substr(0, bytes.size() - 1)));
    front.end_sending();
    CHECK(response_in(Speech::uwsgi, front.receive()).status() == "400");
  }

  TEST_CASE("an end that comes together with the last bytes is seen") {
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      Scripts scripts;
      RunningServer server(scripts, {.tcp = tcp});
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      REQUIRE(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
              "hello");
      {
        const StoppedLoop stopped(server);
        REQUIRE(front.send(wire::begin(3, wire::kKeep)));
        front.end_sending();
      }
      CHECK(front.sees_end());
      CHECK(server.connections() == 0);
      CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
    }
  }

  TEST_CASE("a half-closed connection does not wait for the rest of another head") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/wait"}) + wire::begin(3, wire::kKeep)));
    front.end_sending();
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    scripts.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, front.receive()).body() == "waited");
    CHECK(front.ended());
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }

  TEST_CASE("heads that overlap on a busy connection are timed each by itself") {
    Scripts scripts;
    net::ServerOptions options;
    options.header_timeout = 500ms;
    RunningServer server(scripts, {options});
    FrontSocket front = server.connect();
    const auto until = std::chrono::steady_clock::now() + 1500ms;
    Asked asked{"/hello"};
    for (asked.id = 1; std::chrono::steady_clock::now() < until; ++asked.id) {
      // Each time a further head has begun when one is complete.
      const std::string bytes = request(Speech::fastcgi_kept, asked).substr(asked.id == 1 ? 0 : 16);
      REQUIRE(front.send(bytes + wire::begin(asked.id + 1, wire::kKeep)));
      const std::string response = front.receive(ended_responses(1));
      REQUIRE(response_in(Speech::fastcgi_kept, response, asked.id).body() == "hello");
      std::this_thread::sleep_for(20ms);  // the pace of this front, not synchronisation
    }
    CHECK(server.reporter().count(LogEvent::connection_timeout) == 0);
  }

  TEST_CASE("several requests on one connection are answered each under its id") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4});
    FrontSocket front = server.connect();
    std::string bytes;
    for (unsigned id = 1; id <= 30; ++id) {
      Asked asked = post("/echo", pattern(1000 * id, id));
      asked.id = id * 3;
      bytes += fastcgi_head(asked, wire::kKeep, std::to_string(asked.body.size()));
    }
    // The bodies take turns, record by record.
    for (std::size_t at = 0; at < 30'000; at += 700) {
      for (unsigned id = 1; id <= 30; ++id) {
        const std::string body = pattern(1000 * id, id);
        if (at < body.size()) bytes += wire::stdin_of(id * 3, body.substr(at, 700));
      }
    }
    for (unsigned id = 1; id <= 30; ++id) bytes += wire::stdin_of(id * 3, "");
    const FastcgiResponses responses(front.exchange(bytes, ended_responses(30)));
    REQUIRE(responses.by_id.size() == 30);
    for (const auto& [id, response] : responses.by_id) {
      CHECK(response.body() == pattern(1000 * (id / 3), id / 3));
      CHECK(is_complete(Speech::fastcgi_kept, response));
    }
  }

  TEST_CASE("streamed responses on one connection never mix inside a record") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 4});
    FrontSocket front = server.connect();
    std::string bytes;
    for (unsigned id = 1; id <= 4; ++id) {
      Asked asked{"/stream"};
      asked.id = id;
      bytes += request(Speech::fastcgi_kept, asked);
    }
    REQUIRE(front.send(bytes));
    const FastcgiResponses responses(front.receive(ended_responses(4)));
    REQUIRE(responses.by_id.size() == 4);
    for (const auto& [id, response] : responses.by_id) {
      CHECK(response.body() == scripts.big);
      CHECK(is_complete(Speech::fastcgi_kept, response));
    }
  }

  TEST_CASE("a front that goes away is noticed in every phase") {
    Scripts scripts;
    net::ServerOptions options;
    options.body_buffer = 1000;
    for (const bool tcp : {false, true}) {
      CAPTURE(tcp);
      RunningServer server(scripts, {options, 2, 100, tcp});
      for (const Speech speech : kSpeeches) {
        CAPTURE(name(speech));
        const std::string upload = request(speech, post("/echo", pattern(50'000)));
        const std::string streamed = request(speech, {"/stream"});
        for (const std::string_view sent :
             {std::string_view(upload).substr(0, 10), std::string_view(upload).substr(0, 600),
              std::string_view(upload).substr(0, 30'000), std::string_view(streamed)}) {
          CAPTURE(sent.size());
          for (const bool hard : {false, true}) {
            FrontSocket front = server.connect();
            REQUIRE(front.send(sent));
            server.on_loop([] {});
            if (hard) {
              front.reset();
            } else {
              front.close();
            }
            REQUIRE(eventually([&] { return server.connections() == 0; }));
            REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
          }
        }
      }
      CHECK(server.ask(Speech::uwsgi, {"/hello"}).body() == "hello");
    }
  }

  TEST_CASE("a running call can see that its front is gone") {
    Scripts scripts;
    std::atomic<bool> seen{false};
    scripts.on("/watch", [&](gateway::Exchange& exchange) {
      seen = eventually([&] { return exchange.front_gone(); });
      CHECK(ScriptedApplication::respond(exchange, "late").status == gateway::SendStatus::gone);
    });
    RunningServer server(scripts);
    for (const Speech speech : kSpeeches) {
      seen = false;
      const int before = scripts.ended();
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/watch"})));
      REQUIRE(eventually([&] { return scripts.calls() == before + 1; }));
      front.close();
      REQUIRE(eventually([&] { return scripts.ended() == before + 1; }));
      CHECK(seen.load());
    }
    REQUIRE(eventually([&] { return server.reporter().accesses().size() == kSpeeches.size(); }));
    for (const auto& access : server.reporter().accesses()) {
      CHECK(access.status == 499);
      CHECK(access.body_bytes == 0);
    }
    CHECK(eventually([&] { return server.lost() == kSpeeches.size(); }));
  }

  TEST_CASE("an aborted request gets its end and nothing else, whatever it is at") {
    Scripts scripts;
    scripts.on("/stream-forever", [&](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      bool more = ScriptedApplication::stream(exchange, &head, "first");
      while (more) more = ScriptedApplication::stream(exchange, nullptr, scripts.big);
    });
    scripts.on("/read", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange));
    });
    net::ServerOptions options;
    options.body_buffer = 1000;
    RunningServer server(scripts, {options, 1});
    const auto abort = [&](const std::string& sent, int calls) {
      const int before = scripts.calls();
      FrontSocket front = server.connect();
      REQUIRE(front.send(sent));
      REQUIRE(eventually([&] { return scripts.calls() == before + calls; }));
      REQUIRE(front.send(wire::abort_request(1)));
      const FastcgiResponses responses(front.receive(ended_responses(1)));
      REQUIRE(responses.by_id.contains(1));
      CHECK(responses.by_id.at(1).ends == 1);
      CHECK_FALSE(responses.by_id.at(1).late_bytes);
      REQUIRE(eventually([&] { return scripts.ended() == scripts.calls(); }));
      // The connection, and the id, can be used again.
      REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
      CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() == "hello");
    };
    const std::string head = fastcgi_head(post("/read", ""), wire::kKeep, "60000");
    SUBCASE("inside its variables") {
      abort(wire::begin(1, wire::kKeep) + wire::params(1, "\x0e\x03REQUEST_MET"), 0);
    }
    SUBCASE("inside its body, below the buffer") {
      abort(head + wire::stdin_of(1, pattern(500)), 0);
    }
    SUBCASE("inside its body, while the application reads") {
      abort(head + wire::stdin_of(1, pattern(40'000)), 1);
    }
    SUBCASE("while the application does nothing but look whether the front is gone") {
      scripts.on("/look", [](gateway::Exchange& exchange) {
        const auto gone = [&] { return exchange.front_gone(); };
        while (!gone()) continue;
      });
      for (int i = 0; i < 100; ++i) abort(request(Speech::fastcgi_kept, {"/look"}), 1);
    }
    SUBCASE("while the application streams") {
      abort(request(Speech::fastcgi_kept, {"/stream-forever"}), 1);
    }
    SUBCASE("while the application streams small blocks") {
      scripts.on("/blocks-forever", [](gateway::Exchange& exchange) {
        const gateway::ResponseHead ok{"200 OK", {}};
        bool more = ScriptedApplication::stream(exchange, &ok, "first");
        while (more) more = ScriptedApplication::stream(exchange, nullptr, "block");
      });
      for (int i = 0; i < 50; ++i) abort(request(Speech::fastcgi_kept, {"/blocks-forever"}), 1);
    }
  }

  TEST_CASE("a request that is aborted while it waits for a thread never runs") {
    Scripts scripts;
    RunningServer server(scripts, {{}, 1});
    FrontSocket busy = server.connect();
    REQUIRE(busy.send(request(Speech::uwsgi, {"/wait"})));
    REQUIRE(eventually([&] { return scripts.gate.waiting() == 1; }));
    FrontSocket aborts = server.connect();
    REQUIRE(aborts.send(request(Speech::fastcgi_kept, {"/hello"}) + wire::abort_request(1)));
    const FastcgiResponses responses(aborts.receive(ended_responses(1)));
    CHECK(responses.by_id.at(1).stdout_bytes.empty());
    FrontSocket leaves = server.connect();
    REQUIRE(leaves.send(request(Speech::scgi, {"/hello"})));
    REQUIRE(eventually([&] { return server.connections() == 3; }));
    leaves.close();
    REQUIRE(eventually([&] { return server.connections() == 2; }));
    const auto given_up = server.reporter().accesses();
    REQUIRE(given_up.size() == 2);
    CHECK(given_up[0].status == 499);
    CHECK(given_up[1].status == 499);
    scripts.gate.open();
    CHECK(response_in(Speech::uwsgi, busy.receive()).body() == "waited");
    CHECK(server.ask(Speech::scgi, {"/length"}).status() == "200");
    CHECK(scripts.calls() == 2);
  }

  TEST_CASE("an abort that meets the response gives one end, not two") {
    Scripts scripts;
    std::atomic<unsigned> go{0};
    scripts.on("/meet", [&](gateway::Exchange& exchange) {
      const auto turn = static_cast<unsigned>(scripts.calls());
      while (go.load() < turn) std::this_thread::yield();
      const auto until = std::chrono::steady_clock::now() + turn % 50 * 10us;
      while (std::chrono::steady_clock::now() < until) continue;
      ScriptedApplication::respond(exchange, "met");
    });
    RunningServer server(scripts, {{}, 2});
    FrontSocket front = server.connect();
    // Keeps the loop busy between its look at what is answered and the abort.
    std::string idle_records;
    for (int i = 0; i < 10'000; ++i) idle_records += wire::stdin_of(60'000, "");
    std::string all;
    Asked asked{"/meet"};
    for (asked.id = 1; asked.id < 500; ++asked.id) {
      const int before = scripts.calls();
      REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
      REQUIRE(eventually([&] { return scripts.calls() > before; }));
      const std::string bytes = idle_records + wire::abort_request(asked.id);
      go.store(asked.id);
      all += front.exchange(bytes, ended_responses(1));
    }
    asked.path = "/hello";
    REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
    front.end_sending();
    all += front.receive();
    const FastcgiResponses responses(all);
    CHECK(responses.by_id.size() == 500);
    CHECK(responses.left_over == 0);
    for (const auto& [id, response] : responses.by_id) {
      REQUIRE(response.ends == 1);
      REQUIRE_FALSE(response.late_bytes);
    }
  }
}
