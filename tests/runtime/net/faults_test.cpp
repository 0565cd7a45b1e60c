// System calls of the I/O path that fail, once or for a while.
// Each request is answered or visibly refused, the server goes on afterwards, and it does not spin.

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fakes/failing_calls.hpp"
#include "fakes/running_server.hpp"

using namespace appd;
using namespace appd::test;
using namespace std::chrono_literals;
using gateway::LogEvent;

namespace {

struct Scripts : ScriptedApplication {
  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/echo", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
    on("/file", [this](gateway::Exchange& exchange) {
      const std::string length = "Content-Length: " + std::to_string(file.size()) + "\r\n";
      const gateway::ResponseHead head{"200 OK", length, true};
      std::ofstream(folder / "file") << file;
      const int fd = ::open((folder / "file").c_str(), O_RDONLY | O_CLOEXEC);
      exchange.send_file(&head, {std::make_shared<const support::UniqueFd>(fd), 0, file.size()});
    });
    on("/large", [](gateway::Exchange& exchange) { respond(exchange, std::string(4 << 20, 'l')); });
    for (std::size_t i = 0; i < 3'000'000; ++i) file += static_cast<char>('a' + i / 1000 % 26);
  }

  TemporaryFolder folder;
  std::string file;
};

bool answers(RunningServer& server, Speech speech = Speech::uwsgi) {
  return server.ask(speech, {"/hello"}).body() == "hello";
}

/// Its request is there when the loop accepts it.
FrontSocket front_that_has_sent(RunningServer& server, Speech speech) {
  const StoppedLoop stopped(server);
  FrontSocket front = server.connect();
  REQUIRE(front.send(request(speech, {"/hello"})));
  return front;
}

struct Fault {
  const char* call;
  int error;
};

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE("a connection that cannot be watched is closed with a line, and others are served") {
    Scripts scripts;
    RunningServer server(scripts);
    REQUIRE(answers(server));  // its listener is watched
    {
      const FailingCalls fails("epoll_ctl", ENOMEM);
      FrontSocket kept = front_that_has_sent(server, Speech::fastcgi_kept);
      CHECK(response_in(Speech::fastcgi_kept, kept.receive(ended_responses(1))).body() == "hello");
      CHECK(kept.sees_end());
      CHECK(server.reporter().hears(LogEvent::connection_not_watched,
                                    {"epoll_ctl", std::strerror(ENOMEM)}));
      // A request that needs no wait needs no watch.
      FrontSocket at_once = front_that_has_sent(server, Speech::uwsgi);
      CHECK(response_in(Speech::uwsgi, at_once.receive()).body() == "hello");
      CHECK(fails.failed() < 20);
    }
    CHECK(answers(server, Speech::fastcgi_kept));
    CHECK(eventually([&] { return server.connections() == 0; }));
  }

  TEST_CASE("a listener that cannot be watched says so, and is tried again") {
    Scripts scripts;
    const FailingCalls fails("epoll_ctl", ENOSPC, {.count = 2});
    RunningServer server(scripts);
    CHECK(answers(server));
    CHECK(server.reporter().count(LogEvent::accept_failed, {std::strerror(ENOSPC)}) == 1);
    CHECK(fails.failed() >= 1);
  }

  TEST_CASE("accepting survives whatever accept says") {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ECONNABORTED, EINTR,
                            ENETDOWN, EINVAL, EBADF}) {
      CAPTURE(std::strerror(error));
      for (const int count : {1, 3}) {
        if (count > 1 && error != EMFILE && error != EPERM) continue;
        Scripts scripts;
        RunningServer server(scripts);
        const FailingCalls fails("accept4", error, {.count = count});
        CHECK(answers(server));
        CHECK(fails.failed() <= count);
      }
    }
  }

  TEST_CASE("a listener that cannot accept does not spin") {
    for (const int error : {EMFILE, ENOMEM, EPERM, EINVAL}) {
      CAPTURE(std::strerror(error));
      Scripts scripts;
      RunningServer server(scripts);
      FrontSocket front(support::UniqueFd{});
      {
        const FailingCalls fails("accept4", error);
        front = server.connect();
        REQUIRE(front.send(request(Speech::uwsgi, {"/hello"})));
        REQUIRE(eventually([&] { return fails.failed() > 0; }));
        CHECK(server.reporter().hears(LogEvent::accept_failed, {std::strerror(error)}));
        std::this_thread::sleep_for(300ms);
        CHECK(fails.failed() < 100);
      }
      CHECK(response_in(Speech::uwsgi, front.receive()).body() == "hello");
    }
  }

  TEST_CASE("without descriptors an idle connection is closed for the next one") {
    Scripts scripts;
    RunningServer server(scripts);
    FrontSocket idle = server.connect();
    REQUIRE(idle.send(request(Speech::fastcgi_kept, {"/hello"})));
    idle.receive(ended_responses(1));
    std::this_thread::sleep_for(300ms);
    const FailingCalls fails("accept4", EMFILE, {.count = 1});
    CHECK(answers(server));
    CHECK(idle.sees_end());
    CHECK(server.reporter().count(LogEvent::accept_failed) == 0);
  }

  TEST_CASE("without memory for sockets requests wait, and all is as it was") {
    Scripts scripts;
    RunningServer server(scripts);
    const std::string body(300'000, 'b');
    for (const char* call : {"recv", "send", "sendmsg"}) {
      for (const int error : {ENOBUFS, ENOMEM, EINTR}) {
        for (const int after : {0, 1, 2, 5}) {
          for (const Speech speech : kSpeeches) {
            CAPTURE(call);
            CAPTURE(std::strerror(error));
            CAPTURE(after);
            CAPTURE(name(speech));
            const FailingCalls fails(call, error, {.after = after, .count = 2});
            CHECK(server.ask(speech, {"/echo", "POST", body}).body() == body);
          }
        }
      }
    }
    CHECK(answers(server));
  }

  TEST_CASE("where sendfile cannot do it a file is read") {
    Scripts scripts;
    RunningServer server(scripts);
    for (const int error : {EINVAL, EIO, ENOSYS, ENOMEM, EOVERFLOW}) {
      for (const int after : {0, 1}) {
        for (const Speech speech : {Speech::uwsgi, Speech::scgi}) {
          CAPTURE(std::strerror(error));
          const FailingCalls fails("sendfile", error, {.after = after, .count = 1});
          CHECK(server.ask(speech, {"/file"}).body() == scripts.file);
          CHECK(fails.failed() == 1);
        }
      }
    }
    CHECK(server.reporter().count(LogEvent::response_file_read) > 0);
  }

  TEST_CASE("a body that cannot be stored is answered with 500, and the log names the folder") {
    for (const int error : {ENOSPC, EDQUOT, EIO}) {
      Scripts scripts;
      ServerSetup setup;
      setup.options.spool_bodies = true;
      setup.options.body_buffer = 1000;
      RunningServer server(scripts, setup);
      Asked asked{"/echo", "POST", std::string(100'000, 'b')};
      {
        const FailingCalls fails("pwrite", error);
        CHECK(server.ask(Speech::uwsgi, asked).status().substr(0, 2) == "50");
        CHECK(server.reporter().hears(LogEvent::body_not_stored, {server.folder().path()}));
      }
      CHECK(server.ask(Speech::uwsgi, asked).body() == asked.body);
    }
  }

  TEST_CASE("a wait that the kernel refuses for a moment is tried again, without spinning") {
    Scripts scripts;
    RunningServer server(scripts);
    {
      const FailingCalls fails("epoll_wait", EINVAL, {.count = 20});
      CHECK(answers(server));
      CHECK(fails.failed() <= 20);
    }
    CHECK(answers(server));
  }

  TEST_CASE("waits that the kernel has refused at other times count no more") {
    Scripts scripts;
    RunningServer server(scripts);
    for (int time = 0; time < 6; ++time) {
      const FailingCalls fails("epoll_wait", EINVAL, {.count = 20});
      CHECK(answers(server));
      CHECK(eventually([&] { return fails.failed() == 20; }));
    }
  }
}
