// Tests of exchanges: bodies, broken-off responses, gone fronts.

#include "runtime/net/wire_exchange.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;

namespace {

/// Sends `part` of a response whose length is announced or not, then breaks it off.
ScriptedApplication::Script breaking(bool announced) {
  return [announced](gateway::Exchange& exchange) {
    const gateway::ResponseHead head{"200 OK", announced ? "Content-Length: 100\r\n" : "",
                                     announced};
    CHECK_FALSE(exchange.head_sent());
    ScriptedApplication::stream(exchange, &head, "part");
    CHECK(exchange.head_sent());
    exchange.break_off();
  };
}

std::string file_in(const TemporaryFolder& folder, std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>('a' + i * 7 % 26);
  std::ofstream(folder / "file") << content;
  return content;
}

ScriptedApplication::Script sending_file(const std::string& path, std::uint64_t offset,
                                         std::uint64_t length) {
  return [=](gateway::Exchange& exchange) {
    support::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const std::string field = "Content-Length: " + std::to_string(length) + "\r\n";
    const gateway::ResponseHead head{"200 OK", field, true};
    CHECK(exchange.send_file(&head, {std::move(file), offset, length}) == gateway::SendStatus::ok);
  };
}

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

std::size_t spool_files_in(const TemporaryFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.find(folder.path() + "/") == 0) ++count;
  }
  return count;
}

/// Responses from bytes of its own that may only go once they are sent.
struct OwnedBytes {
  std::shared_ptr<std::string> bytes = std::make_shared<std::string>(6 << 20, 'o');

  struct Keeper final : gateway::Keeper {
    explicit Keeper(std::shared_ptr<std::string> owned) : bytes(std::move(owned)) {}
    std::shared_ptr<const void> keep() override { return std::move(bytes); }
    std::shared_ptr<std::string> bytes;
  };
};

}  // namespace

TEST_SUITE("wire exchange") {
  TEST_CASE("a broken-off response is shown to each front in the way it understands") {
    ScriptedApplication application;
    application.on("/announced", breaking(true));
    application.on("/open", breaking(false));
    RunningServer server(application);
    const auto ask = [&](Speech speech, const std::string& path, const std::string& software) {
      Asked asked{path};
      asked.software = software;
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, asked)));
      std::string bytes = front.receive();
      CHECK(front.ended());
      return bytes;
    };
    for (const Speech speech : {Speech::fastcgi_kept, Speech::fastcgi_closed}) {
      CAPTURE(name(speech));
      FastcgiResponses nginx(ask(speech, "/announced", "nginx/1.22"));
      CHECK(nginx.by_id[1].body() == "part");
      CHECK(nginx.by_id[1].ends == 1);
      CHECK_FALSE(nginx.by_id[1].stdout_ended);
      FastcgiResponses corrupt(ask(speech, "/open", "nginx/1.22"));
      CHECK(corrupt.by_id[1].body() == "part");
      CHECK(corrupt.corrupt);
      for (const std::string path : {"/announced", "/open"}) {
        FastcgiResponses other(ask(speech, path, "Apache/2.4"));
        CHECK(other.by_id[1].body() == "part");
        CHECK(other.by_id[1].ends == 0);
        CHECK_FALSE(other.by_id[1].stdout_ended);
        CHECK_FALSE(other.corrupt);
      }
    }
    for (const Speech speech : {Speech::uwsgi, Speech::scgi}) {
      CHECK(response_in(speech, ask(speech, "/open", "nginx/1.22")).body() == "part");
    }
  }

  TEST_CASE("over TCP a broken-off response ends in a reset, and the next one in order") {
    ScriptedApplication application;
    application.on("/open", breaking(false));
    application.on("/hello", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, "hello");
    });
    ServerSetup setup;
    setup.tcp = true;
    RunningServer server(application, setup);
    for (const Speech speech : {Speech::uwsgi, Speech::scgi}) {
      CAPTURE(name(speech));
      for (const bool breaks : {true, false, true, false}) {
        FrontSocket front = server.connect();
        REQUIRE(front.send(request(speech, {breaks ? "/open" : "/hello"})));
        const std::string got = front.receive();
        CHECK(front.ended());
        CHECK(front.was_reset() == breaks);
        if (!breaks) CHECK(response_in(speech, got).body() == "hello");
      }
    }
  }

  TEST_CASE("beside other requests a broken-off response leaves the connection open") {
    ScriptedApplication application;
    application.on("/announced", breaking(true));
    application.on("/wait", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      ScriptedApplication::respond(exchange, "other");
    });
    RunningServer server(application);
    FrontSocket front = server.connect();
    Asked second{"/wait"};
    second.id = 3;
    REQUIRE(front.send(request(Speech::fastcgi_kept, second)));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/announced"})));
    const FastcgiResponses broken(front.receive(ended_responses(1)));
    CHECK(broken.by_id.at(1).body() == "part");
    CHECK_FALSE(broken.by_id.at(1).stdout_ended);
    application.gate.open();
    const FastcgiResponses other(front.receive(ended_responses(1)));
    CHECK(other.by_id.at(3).body() == "other");
  }

  TEST_CASE("an earlier request of a kept connection does not count, also while its call goes on") {
    ScriptedApplication application;
    application.on("/announced", breaking(true));
    application.on("/hello", [&](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, "hi");
      application.gate.wait();
    });
    RunningServer server(application);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/hello"})));
    front.receive(ended_responses(1));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    Asked asked{"/announced"};
    asked.software = "Apache/2.4";
    REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
    std::string bytes = front.receive(
        [](std::string_view got) { return got.find("part") != std::string_view::npos; });
    application.gate.open();
    bytes += front.receive();
    CHECK(front.ended());
    CHECK(FastcgiResponses(bytes).by_id[1].ends == 0);
  }

  TEST_CASE("a second upload on a kept connection waits for its reader like the first") {
    ScriptedApplication application;
    application.on("/wait", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange));
    });
    net::ServerOptions options;
    options.body_buffer = 1000;
    RunningServer server(application, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/none"})));
    front.receive(ended_responses(1));
    const Asked asked{"/wait", "POST", std::string(100'000, 'b')};
    REQUIRE(front.send(request(Speech::fastcgi_kept, asked)));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    server.on_loop([] {});
    CHECK(spool_files_in(server.folder()) == 0);
    application.gate.open();
    CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
          asked.body);
  }

  TEST_CASE("files are sent as they are, over every protocol") {
    TemporaryFolder folder;
    const std::string content = file_in(folder, 3'000'000);
    ScriptedApplication application;
    application.on("/file", sending_file(folder / "file", 1234, 2'900'000));
    application.on("/empty", sending_file(folder / "file", 10, 0));
    RunningServer server(application);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const FrontResponse response = server.ask(speech, {"/file"});
      CHECK(response.body() == content.substr(1234, 2'900'000));
      CHECK(response.ends == (is_fastcgi(speech) ? 1 : 0));
      CHECK_FALSE(response.late_bytes);
      const FrontResponse empty = server.ask(speech, {"/empty"});
      CHECK(empty.status() == "200");
      CHECK(empty.body().empty());
      CHECK(empty.ends == (is_fastcgi(speech) ? 1 : 0));
    }
  }

  TEST_CASE("a file that is shorter than announced ends the connection with an error line") {
    TemporaryFolder folder;
    file_in(folder, 1000);
    ScriptedApplication application;
    application.on("/file", sending_file(folder / "file", 0, 5000));
    RunningServer server(application);
    for (const Speech speech : kSpeeches) {
      FrontSocket front = server.connect();
      REQUIRE(front.send(request(speech, {"/file"})));
      const FrontResponse response = response_in(speech, front.receive());
      CHECK(front.ended());
      CHECK(response.body().size() == 1000);
      CHECK(response.ends == 0);
    }
    CHECK(server.reporter().count(LogEvent::response_file_short) == kSpeeches.size());
  }

  TEST_CASE("bytes that wait to be sent stay with their owner, then are let go of") {
    ScriptedApplication application;
    OwnedBytes owned;
    application.on("/owned", [&](gateway::Exchange& exchange) {
      OwnedBytes::Keeper keeper(owned.bytes);
      ScriptedApplication::respond(exchange, *owned.bytes, "200 OK", &keeper);
    });
    RunningServer server(application);
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      const int before = application.ended();
      FrontSocket reads = server.connect();
      REQUIRE(reads.send(request(speech, {"/owned"})));
      REQUIRE(eventually([&] { return application.ended() == before + 1; }));
      CHECK(owned.bytes.use_count() == 2);
      // Meanwhile the exchange must not be given to another request.
      const bool kept = speech == Speech::fastcgi_kept;
      {
        FrontSocket leaves = server.connect();
        REQUIRE(leaves.send(request(speech, {"/owned"})));
        REQUIRE(eventually([&] { return application.ended() == before + 2; }));
        CHECK(owned.bytes.use_count() == 3);
      }
      const FrontResponse response =
          response_in(speech, kept ? reads.receive(ended_responses(1)) : reads.receive());
      CHECK(response.body() == *owned.bytes);
      CHECK(eventually([&] { return owned.bytes.use_count() == 1; }));
    }
  }

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
        net::ServerOptions options;
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

  TEST_CASE("a call whose bytes were refused knows that its front is gone before the loop does") {
    ScriptedApplication application;
    std::atomic<bool> refused{false};
    std::atomic<bool> gone{false};
    application.on("/stream", [&](gateway::Exchange& exchange) {
      application.gate.wait();
      const gateway::ResponseHead head{"200 OK", {}};
      refused = !ScriptedApplication::stream(exchange, &head, "bytes");
      gone = exchange.front_gone();
    });
    RunningServer server(application);
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, {"/stream"})));
    REQUIRE(eventually([&] { return application.gate.waiting() == 1; }));
    const StoppedLoop stopped(server);
    front.close();
    application.gate.open();
    REQUIRE(eventually([&] { return application.ended() == 1; }));
    CHECK(refused.load());
    CHECK(gone.load());
  }

  TEST_CASE("text for wsgi.errors reaches a FastCGI front after the head, when asked for") {
    ScriptedApplication application;
    application.on("/complain", [](gateway::Exchange& exchange) {
      exchange.send_error_text("first ");
      exchange.send_error_text("second");
      ScriptedApplication::respond(exchange, "body");
    });
    application.on("/stream", [](gateway::Exchange& exchange) {
      exchange.send_error_text("early ");
      const gateway::ResponseHead head{"200 OK", {}};
      ScriptedApplication::stream(exchange, &head, "one");
      ScriptedApplication::stream(exchange, nullptr, "two");
      exchange.send_error_text("late");
      ScriptedApplication::end(exchange);
    });
    const TemporaryFolder folder;
    const std::string content = file_in(folder, 1000);
    application.on("/file", [&](gateway::Exchange& exchange) {
      exchange.send_error_text("beside");
      sending_file(folder / "file", 0, content.size())(exchange);
    });
    for (const bool wanted : {false, true}) {
      net::ServerOptions options;
      options.send_error_text = wanted;
      RunningServer server(application, {options});
      for (const Speech speech : kSpeeches) {
        CAPTURE(name(speech));
        const FrontResponse complained = server.ask(speech, {"/complain"});
        CHECK(complained.body() == "body");
        CHECK(complained.error_text == (wanted && is_fastcgi(speech) ? "first second" : ""));
        CHECK_FALSE(complained.late_bytes);
        const FrontResponse streamed = server.ask(speech, {"/stream"});
        CHECK(streamed.body() == "onetwo");
        CHECK(streamed.error_text == (wanted && is_fastcgi(speech) ? "early late" : ""));
        CHECK(streamed.errors_ended == (wanted && is_fastcgi(speech)));
        const FrontResponse file = server.ask(speech, {"/file"});
        CHECK(file.body() == content);
        CHECK(file.error_text == (wanted && is_fastcgi(speech) ? "beside" : ""));
        CHECK(file.errors_ended == (wanted && is_fastcgi(speech)));
      }
    }
  }

  TEST_CASE("a spool that fails while the application reads is told to it and to the log") {
    ScriptedApplication application;
    application.on("/late", [&](gateway::Exchange& exchange) {
      // Nothing is read until the response has made the loop spool, and fail.
      const gateway::ResponseHead head{"200 OK", {}};
      ScriptedApplication::stream(exchange, &head, std::string(4 << 20, 'a'));
      const std::string body = ScriptedApplication::read_all(exchange);
      ScriptedApplication::stream(exchange, nullptr, body.substr(body.size() - 5));
      ScriptedApplication::end(exchange);
    });
    net::ServerOptions options;
    options.body_buffer = 10'000;
    options.spool_dir = "/nowhere/at-all";
    RunningServer server(application, {options});
    Asked asked{"/late", "POST", std::string(4 << 20, 'b')};
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::uwsgi, asked)));
    CHECK(front.receive().ends_with("(cut)"));
    CHECK(server.reporter().count(LogEvent::body_not_stored, {"/nowhere/at-all"}) == 1);
    // Of unknown length: it has to be spooled before the application runs.
    asked.length = "";
    const FrontResponse refused = server.ask(Speech::fastcgi_kept, asked);
    CHECK(refused.status() == "500");
    CHECK(refused.body().find("/nowhere") == std::string::npos);
    CHECK(server.reporter().count(LogEvent::body_not_stored, {"/nowhere/at-all"}) == 2);
  }

  TEST_CASE("an answered request gives its spool file back though its connection is kept") {
    ScriptedApplication application;
    application.on("/ignore", [](gateway::Exchange& exchange) {
      ScriptedApplication::respond(exchange, "not read");
    });
    net::ServerOptions options;
    options.body_buffer = 1000;
    options.spool_bodies = true;
    RunningServer server(application, {options});
    FrontSocket front = server.connect();
    REQUIRE(front.send(request(Speech::fastcgi_kept, {"/ignore", "POST", std::string(9999, 'b')})));
    CHECK(response_in(Speech::fastcgi_kept, front.receive(ended_responses(1))).body() ==
          "not read");
    CHECK(eventually([&] { return spool_files_in(server.folder()) == 0; }));
  }

  TEST_CASE("a head too large for nginx is warned of once, with the directive to change") {
    constexpr std::size_t kTooLarge = 5000;
    ScriptedApplication application;
    application.on("/", [](gateway::Exchange& exchange) {
      const std::string fields = "X-Large: " + std::string(kTooLarge, 'x') + "\r\n";
      const std::string_view body = "body";
      const gateway::ResponseHead head{"200 OK", fields, false};
      exchange.send(&head, std::span(&body, 1), gateway::End::last, nullptr);
    });
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      RunningServer server(application);
      REQUIRE(server.ask(speech, {"/"}).status() == "200");  // no nginx
      CHECK(server.reporter().count(LogEvent::response_large_head) == 0);
      Asked by_nginx{"/"};
      by_nginx.software = "nginx/1.22";
      for (int i = 0; i < 3; ++i) REQUIRE(server.ask(speech, by_nginx).status() == "200");
      CHECK(server.reporter().count(LogEvent::response_large_head) == 1);
      CHECK(server.reporter().count(LogEvent::response_large_head_again) == 2);
      const std::string directive = speech == Speech::uwsgi  ? "uwsgi_buffer_size"
                                    : speech == Speech::scgi ? "scgi_buffer_size"
                                                             : "fastcgi_buffer_size";
      CHECK(server.reporter().count(LogEvent::response_large_head, {directive}) == 1);
    }
  }

  TEST_CASE("what cannot be served is refused with a status, and the worker goes on") {
    ScriptedApplication application;
    net::ServerOptions options;
    options.decoder.max_params = 2000;
    RunningServer server(application, {options});
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Asked large{"/" + std::string(3000, 'x')};
      CHECK(server.ask(speech, large).status() == "431");
      Asked negative{"/", "POST", "body", "-5"};
      CHECK(server.ask(speech, negative).status() == "400");
      Asked nameless{"/", ""};
      CHECK(server.ask(speech, nameless).status() == "400");
    }
    CHECK(application.calls() == 0);
    CHECK(server.reporter().count(LogEvent::request_too_large, {"431"}) == kSpeeches.size());
  }

  TEST_CASE("a refused HEAD request has no body in its response") {
    ScriptedApplication application;
    net::ServerOptions options;
    options.max_body = 10;
    RunningServer server(application, {options});
    for (const Speech speech : kSpeeches) {
      const FrontResponse response = server.ask(speech, {"/", "HEAD", std::string(11, 'b')});
      CHECK(response.status() == "413");
      CHECK(response.body().empty());
      CHECK(response.has("Content-Length: "));
    }
  }

  TEST_CASE("every request is in the access log once, with its times") {
    ScriptedApplication application;
    application.on("/slow", [](gateway::Exchange& exchange) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ScriptedApplication::respond(exchange, "12345", "201 Created");
    });
    RunningServer server(application);
    for (const Speech speech : kSpeeches) server.ask(speech, {"/slow"});
    REQUIRE(eventually([&] { return server.reporter().accesses().size() == kSpeeches.size(); }));
    for (const auto& access : server.reporter().accesses()) {
      CHECK(access.method == "GET");
      CHECK(access.uri == "/slow");
      CHECK(access.status == 201);
      CHECK(access.body_bytes == 5);
      CHECK(access.queued >= std::chrono::nanoseconds(0));
      CHECK(access.queued < std::chrono::seconds(10));
      CHECK(access.running >= std::chrono::milliseconds(5));
    }
  }

  // The thread sanitizer says whether it may.
  TEST_CASE("a thread may look into the queue at what is given up there and then used anew") {
    const auto exchange = std::make_shared<net::WireExchange>();
    std::mutex mutex;
    std::shared_ptr<net::WireExchange> queued;
    std::atomic<bool> over{false};
    std::thread pool([&] {
      while (!over.load()) {
        std::shared_ptr<net::WireExchange> taken;
        {
          const std::lock_guard lock(mutex);
          taken = std::move(queued);
        }
        if (taken) CHECK(taken->queued_since() == net::WireExchange::Clock::time_point::max());
      }
    });
    for (int round = 0; round < 200; ++round) {
      exchange->open(nullptr, nullptr, protocol::Wire::scgi, 0, false);
      exchange->set_queued(net::WireExchange::Clock::time_point::max());
      {
        const std::lock_guard lock(mutex);
        queued = exchange;
      }
      CHECK(exchange->try_give_up());
      exchange->reset();
      while (exchange.use_count() > 1) std::this_thread::yield();  // as the server does
    }
    over.store(true);
    pool.join();
  }
}
