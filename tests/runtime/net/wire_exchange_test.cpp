// Tests of exchanges: files, bytes with an owner, wsgi.errors, refusals, the access log, the queue.

#include "runtime/net/wire_exchange.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "fakes/running_server.hpp"
#include "fakes/usual_options.hpp"

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;

namespace {

std::string file_in(const TemporaryFolder& folder, std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>('a' + i * 7 % 26);
  std::ofstream(folder / "file") << content;
  return content;
}

ScriptedApplication::Script sending_file(const std::string& path, std::uint64_t offset,
                                         std::uint64_t length) {
  return [=](gateway::Exchange& exchange) {
    const auto file =
        std::make_shared<const support::UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const std::string field = "Content-Length: " + std::to_string(length) + "\r\n";
    const gateway::ResponseHead head{"200 OK", field, true};
    CHECK(exchange.send_file(&head, {file, offset, length}) == gateway::SendStatus::ok);
  };
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
      UsualOptions options;
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
    UsualOptions options;
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
    UsualOptions options;
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
      exchange->open(nullptr, nullptr, protocol::Wire::scgi, {});
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
