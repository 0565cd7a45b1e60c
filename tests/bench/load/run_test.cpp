// Tests of whole runs against a scripted server.

#include "bench/load/run.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "bench/load/request_bytes.hpp"
#include "bench/load/scripted_server.hpp"
#include "fakes/eventually.hpp"

namespace appd::load {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

std::string fastcgi_response(const std::string& content) {
  const std::string header{1, 6, 0, 1, 0, static_cast<char>(content.size()), 0, 0};
  return header + content + "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0"s;
}

std::string right_response(Wire wire) {
  switch (wire) {
    case Wire::fastcgi_kept:
    case Wire::fastcgi:
      return fastcgi_response("Status: 200 OK\r\n\r\nhello");
    case Wire::uwsgi:
    case Wire::scgi:
      return "Status: 200 OK\r\n\r\nhello";
    case Wire::http:
    case Wire::http_closed:
      return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  }
  return "";
}

Options options_for(Wire wire) {
  Options options;
  options.wire = wire;
  options.kind.connections = 4;
  options.requests = 200;
  return options;
}

ScriptedServer make_server(const Options& options, ScriptedServer::Script script) {
  return {make_request(options.wire, options.kind.request).size(), std::move(script)};
}

/// The run against a server with this script; the cause when it is invalid.
std::string failure(Options options, ScriptedServer::Script script) {
  const ScriptedServer server = make_server(options, std::move(script));
  options.address = server.address();
  try {
    run(options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

bool sleeps(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat.compare(name_end + 2, 1, "S") == 0;
}

/// Right responses but for one in the middle of the run.
ScriptedServer::Script all_right_but_one(Wire wire, Reply wrong) {
  return [wire, wrong](std::size_t request) {
    return request == 100 ? wrong : Reply{right_response(wire), !keeps_connections(wire)};
  };
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr Wire kWires[] = {Wire::fastcgi_kept, Wire::fastcgi, Wire::uwsgi,
                           Wire::scgi,         Wire::http,    Wire::http_closed};

}  // namespace

TEST_SUITE("run") {
  TEST_CASE("makes and counts as many requests as it is told, over every wire") {
    for (const Wire wire : kWires) {
      Options options = options_for(wire);
      ScriptedServer server = make_server(options, [wire](std::size_t) {
        return Reply{right_response(wire), !keeps_connections(wire)};
      });
      options.address = server.address();
      const Report report = run(options);
      CHECK(report.latencies.count() == 200);
      CHECK(report.duration > 0ns);
      CHECK(server.requests() == 200);
      CHECK_FALSE(report.server);
    }
  }

  TEST_CASE("one wrong response makes the whole run invalid") {
    const auto with = [](Wire wire, Reply wrong) {
      return failure(options_for(wire), all_right_but_one(wire, std::move(wrong)));
    };
    const Wire kept = Wire::fastcgi_kept;
    CHECK(contains(with(kept, {fastcgi_response("Status: 500 Oops\r\n\r\nhello")}),
                   "status 500 with 5 bytes instead of 200 with 5"));
    CHECK(contains(with(kept, {fastcgi_response("Status: 200 OK\r\n\r\nhell")}),
                   "status 200 with 4 bytes instead of 200 with 5"));
    CHECK(contains(with(kept, {fastcgi_response("Status: 200 OK\r\n\r\nhello!")}),
                   "status 200 with 6 bytes instead of 200 with 5"));
    CHECK(contains(with(kept, {right_response(kept).substr(0, 40), true}),
                   "the connection was closed before END_REQUEST"));
    CHECK(contains(with(kept, {"", true}), "the connection was closed before END_REQUEST"));
    CHECK(contains(with(Wire::fastcgi, {right_response(Wire::fastcgi).substr(0, 40), true}),
                   "the connection was closed before END_REQUEST"));
    CHECK(contains(with(Wire::uwsgi, {"Status: 200 OK\r\n\r\nhell", true}), "with 4 bytes"));
    CHECK(contains(with(Wire::scgi, {"Status: 200 OK\r\n", true}), "its head breaks off"));
    CHECK(contains(with(Wire::http, {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true}),
                   "the connection was closed before its end"));
    CHECK(contains(
        with(Wire::http_closed, {"HTTP/1.1 404 Gone\r\nContent-Length: 5\r\n\r\nhello", true}),
        "status 404"));
  }

  TEST_CASE("the first response is checked too") {
    Options options = options_for(Wire::uwsgi);
    options.kind.length = 6;
    const auto right = [](std::size_t) { return Reply{right_response(Wire::uwsgi), true}; };
    CHECK(contains(failure(options, right), "with 5 bytes instead of 200 with 6"));
    options.kind.length.reset();
    options.kind.status = 404;
    CHECK(contains(failure(options, right), "status 200 instead of 404"));
  }

  TEST_CASE("a body is checked against its head, unless the request's method is HEAD") {
    const std::string head = "Content-Length: 6\r\n\r\n";
    const std::pair<Wire, std::string> responses[] = {
        {Wire::fastcgi_kept, fastcgi_response(head)},
        {Wire::fastcgi, fastcgi_response(head)},
        {Wire::uwsgi, head},
        {Wire::scgi, head},
        {Wire::http, "HTTP/1.1 200 OK\r\n" + head},
        {Wire::http_closed, "HTTP/1.1 200 OK\r\n" + head},
    };
    for (const auto& [wire, bytes] : responses) {
      const auto script = [closes = !keeps_connections(wire), text = bytes](std::size_t) {
        return Reply{text, closes};
      };
      Options options = options_for(wire);
      options.patience = 50ms;  // for HTTP, kept: the rest of the body may still come
      CHECK(failure(options, script) != "");
      options.patience = Options{}.patience;
      options.kind.request.method = "HEAD";
      CHECK(failure(options, script) == "");
    }
  }

  TEST_CASE("a connection that is reset behind a right response makes the run invalid") {
    const Options options = options_for(Wire::uwsgi);
    const std::size_t all_but_one = make_request(options.wire, options.kind.request).size() - 1;
    const ScriptedServer server(all_but_one, [](std::size_t) {
      return Reply{right_response(Wire::uwsgi), true};
    });
    Options told = options;
    told.address = server.address();
    CHECK_THROWS_WITH_AS(run(told), "after 0 right responses: receive: Connection reset by peer",
                         InvalidRun);
  }

  TEST_CASE(
      "a kept connection must not be closed between two requests, unless that was announced") {
    for (const Wire wire : {Wire::fastcgi_kept, Wire::http}) {
      CHECK(failure(options_for(wire), all_right_but_one(wire, {right_response(wire), true})) !=
            "");
    }
    const Reply announced{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
                          true};
    CHECK(failure(options_for(Wire::http), all_right_but_one(Wire::http, announced)) == "");
  }

  TEST_CASE("a server that is not there, or stays silent, makes the run invalid") {
    Options options = options_for(Wire::uwsgi);
    options.address = "/nonexistent/server.sock";
    CHECK_THROWS_WITH_AS(run(options),
                         "after 0 right responses: connect: No such file or directory", InvalidRun);
    for (const Wire wire : {Wire::uwsgi, Wire::fastcgi_kept}) {
      options = options_for(wire);
      options.patience = 50ms;
      CHECK(contains(failure(options, all_right_but_one(wire, {"", false})), "no response within"));
    }
  }

  TEST_CASE("a body larger than the socket holds is sent whole") {
    for (const Wire wire : kWires) {
      Options options = options_for(wire);
      options.kind.request.method = "POST";
      options.kind.request.body = 1 << 20;
      options.requests = 8;
      CHECK(failure(options, [wire](std::size_t) {
              return Reply{right_response(wire), !keeps_connections(wire)};
            }) == "");
    }
  }

  TEST_CASE("requests of the warm-up are checked, not counted") {
    Options options = options_for(Wire::fastcgi_kept);
    options.warm_up = 20ms;
    ScriptedServer server = make_server(options, [](std::size_t) {
      return Reply{right_response(Wire::fastcgi_kept), false};
    });
    options.address = server.address();
    const Report report = run(options);
    CHECK(report.latencies.count() == 200);
    CHECK(server.requests() > 200);
    CHECK(contains(failure(options,
                           [](std::size_t request) {
                             const bool wrong = request == 5;
                             return Reply{fastcgi_response(wrong ? "X\r\n\r\n" : "A: b\r\n\r\n")};
                           }),
                   "its head is none"));
  }

  TEST_CASE("a run by time ends when it is over") {
    Options options = options_for(Wire::fastcgi_kept);
    options.requests.reset();
    options.duration = 30ms;
    ScriptedServer server = make_server(options, [](std::size_t) {
      return Reply{right_response(Wire::fastcgi_kept), false};
    });
    options.address = server.address();
    const Report report = run(options);
    CHECK(report.latencies.count() == server.requests());
    CHECK(report.duration >= 30ms);
  }

  TEST_CASE("a second kind of request is checked and counted by itself") {
    Options options = options_for(Wire::uwsgi);
    options.beside = KindOptions{};
    options.beside->request = options.kind.request;
    options.beside->connections = 2;
    options.beside->length = 5;
    const auto right = [](std::size_t) { return Reply{right_response(Wire::uwsgi), true}; };
    ScriptedServer server = make_server(options, right);
    options.address = server.address();
    const Report report = run(options);
    CHECK(report.latencies.count() == 200);
    REQUIRE(report.beside);
    CHECK(report.beside->count() > 0);
    CHECK(report.beside->count() + 200 == server.requests());
    options.beside->length = 6;
    CHECK(contains(failure(options, right), "with 5 bytes instead of 200 with 6"));
    // The second request is the other kind's, and the only one that is left in the end.
    options.kind.connections = 1;
    options.requests = 1;
    options.beside->connections = 1;
    options.patience = 50ms;
    CHECK(
        contains(failure(options,
                         [](std::size_t request) {
                           return request == 1 ? Reply{} : Reply{right_response(Wire::uwsgi), true};
                         }),
                 "no response within"));
  }

  TEST_CASE("idle connections make one request each and must stay open") {
    Options options = options_for(Wire::fastcgi_kept);
    options.idle_connections = 10;
    const auto right = [](std::size_t) { return Reply{right_response(Wire::fastcgi_kept), false}; };
    ScriptedServer server = make_server(options, right);
    options.address = server.address();
    CHECK(run(options).latencies.count() == 200);
    CHECK(server.requests() == 210);
    // The idle connections' requests come first: the fourth of them is closed after its response.
    CHECK(failure(options, [](std::size_t request) {
            return Reply{right_response(Wire::fastcgi_kept), request == 3};
          }) == "of 10 idle connections 9 stayed open");
    const std::pair<std::string, std::string> wrong_ones[] = {
        {"rubbish!", "an idle connection: response: a record of version"},
        {fastcgi_response("Status: 500 Oops\r\n\r\nhello"),
         "an idle connection: response: status 500 with 5 bytes"}};
    for (const auto& [bytes, cause] : wrong_ones) {
      const std::string found = failure(options, [wrong = bytes](std::size_t request) {
        return Reply{request == 3 ? wrong : right_response(Wire::fastcgi_kept)};
      });
      CHECK(contains(found, cause));
    }
    options.patience = 50ms;
    CHECK(contains(failure(options,
                           [](std::size_t request) {
                             return Reply{request == 3 ? "" : right_response(Wire::fastcgi_kept)};
                           }),
                   "an idle connection: response: none came"));
  }

  TEST_CASE("reports what the server's process used") {
    Options options = options_for(Wire::fastcgi_kept);
    options.server = ::getpid();
    options.idle_connections = 1;
    ScriptedServer server = make_server(options, [](std::size_t) {
      return Reply{right_response(Wire::fastcgi_kept), false};
    });
    options.address = server.address();
    const Report report = run(options);
    REQUIRE(report.server);
    CHECK(report.server->cpu > 0ns);
    CHECK(report.server->cpu < 2 * report.duration + 50ms);  // two threads, and measuring
    CHECK(report.server->processes == 1);
    CHECK(report.server->pss_kib > 0);
    CHECK(report.server->idle_pss_kib > 0U);
  }

  TEST_CASE("a process that does nothing cannot be the server") {
    Options options = options_for(Wire::uwsgi);
    const pid_t other = ::fork();
    if (other == 0) {
      for (;;) ::pause();
    }
    // On its way to that it does something.
    const bool still = test::eventually([&] { return sleeps(other); });
    options.server = other;
    const std::string cause = failure(options, [](std::size_t) {
      return Reply{right_response(Wire::uwsgi), true};
    });
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    CHECK(still);
    CHECK(contains(cause, "did nothing"));
  }
}

}  // namespace appd::load
