// Tests of what is answered without the application, files above all, over a real server.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/no_descriptors.hpp"
#include "fakes/open_files.hpp"
#include "fakes/running_server.hpp"
#include "http_requests.hpp"
#include "runtime/files/internal_files.hpp"
#include "runtime/files/static_files.hpp"
#include "runtime/files/written_file.hpp"

using namespace appd;
using namespace appd::test;
using appd::files::test::write;
using gateway::LogEvent;

namespace {

constexpr std::string_view kLeaves = "X-Accel-Redirect: /in/a.txt\r\nContent-Disposition: a\r\n";
constexpr gateway::SendStatus kLeft = gateway::SendStatus::complete;

/// A folder at /static, and an application that is never called there. It can leave the folder's
/// files to the server.
struct Site : ScriptedApplication {
  TemporaryFolder folder;
  std::string large = std::string(8 << 20, 'l') + "!";
  std::shared_ptr<const files::StaticFiles> files;
  std::shared_ptr<const files::InternalFiles> internal;

  Site() {
    std::signal(SIGPIPE, SIG_IGN);  // as in a worker: sendfile cannot be told
    write(folder / "a.txt", "0123456789!");
    write(folder / "large.bin", large);
    write(folder / "empty", "");
    std::vector<files::Mount> mounts;
    mounts.push_back({"/static", files::FileRoot(folder.path()), ""});
    files = std::make_shared<const files::StaticFiles>(std::move(mounts), files::MediaTypes(),
                                                       files::StaticOptions{});
    internal = std::make_shared<const files::InternalFiles>(
        std::vector<files::InternalFolder>{{"/in", folder.path()}});
    on("/leave", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", kLeaves, false};
      const std::string_view body = "not this!";
      CHECK(exchange.send(&head, {&body, 1}, gateway::End::more, nullptr).status == kLeft);
    });
    on("/leave-file", [this](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", kLeaves, false};
      const int own = ::open((folder / "large.bin").c_str(), O_RDONLY | O_CLOEXEC);
      CHECK(exchange.send_file(&head, {std::make_shared<const support::UniqueFd>(own), 0, 100}) ==
            kLeft);
    });
    on("/leave-nothing", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", "X-Accel-Redirect: /elsewhere\r\n", false};
      CHECK(exchange.send(&head, {}, gateway::End::last, nullptr).status == kLeft);
    });
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello!"); });
    on("/slow", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "slow!");
    });
  }
  ServerSetup setup(net::Caller caller) const {
    ServerSetup setup;
    setup.options.static_files = files;
    setup.options.internal_files = internal;
    setup.caller = caller;
    setup.threads = 1;
    return setup;
  }
};

/// Packets with data that have come on a TCP connection.
unsigned packets(const FrontSocket& client) {
  // tcpi_data_segs_in of <linux/tcp.h>, which glibc's tcp_info does not have.
  constexpr std::size_t kPlace = 152 / sizeof(std::uint32_t);
  std::array<std::uint32_t, 64> info{};
  socklen_t size = sizeof info;
  REQUIRE(::getsockopt(client.fd(), IPPROTO_TCP, TCP_INFO, info.data(), &size) == 0);
  return info[kPlace];
}

std::vector<unsigned> statuses(RunningServer& server) {
  std::vector<unsigned> all;
  for (const auto& access : server.reporter().accesses()) all.push_back(access.status);
  return all;
}

}  // namespace

TEST_SUITE("served files") {
  TEST_CASE("every wire has them, and the application is not asked") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::front));
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      Asked asked;
      asked.path = "/static/large.bin";
      const FrontResponse large = server.ask(speech, asked);
      CHECK(large.status() == "200");
      CHECK(large.body() == site.large);
      asked.path = "/static/nothing";
      CHECK(server.ask(speech, asked).status() == "404");
      asked.path = "/static/a.txt";
      asked.method = "HEAD";
      const FrontResponse head = server.ask(speech, asked);
      CHECK(head.has("Content-Length: 11\r\n"));
      CHECK(head.body().empty());
      CHECK(server.ask(speech, post("/static/a.txt", std::string(100'000, 'b'))).status() == "405");
    }
    CHECK(site.calls() == 0);
  }

  TEST_CASE("a call that takes all threads does not hold them up") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket slow = server.connect();
    REQUIRE(slow.send(get("/slow")));
    REQUIRE(eventually([&] { return site.gate.waiting() == 1; }));
    CHECK(has(server.connect().exchange(get("/static/a.txt"), dots(1)), "0123456789!"));
  }

  TEST_CASE("a kept connection goes on after each of them") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    for (int round = 0; round < 3; ++round) {
      CHECK(client.exchange(get("/static/a.txt"), dots(1)).ends_with("\r\n\r\n0123456789!"));
      CHECK(client.exchange(get("/static/large.bin"), dots(1)).ends_with(site.large));
      CHECK(client.exchange(get("/hello"), dots(1)).ends_with("hello!"));
      const std::string none =
          client.exchange(get("/static/a.txt", "If-None-Match: *\r\n") + get("/hello"), dots(1));
      CHECK(none.starts_with("HTTP/1.1 304 Not Modified\r\n"));
      const std::string empty = client.exchange(get("/static/empty") + get("/hello"), dots(1));
      CHECK(has(empty, "Content-Length: 0\r\n"));
    }
    CHECK(client.silent());
  }

  TEST_CASE("ranges, one and several") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    const std::string one = client.exchange(get("/static/a.txt", "Range: bytes=8-\r\n"), dots(1));
    CHECK(has(one, "\r\nContent-Range: bytes 8-10/11\r\n"));
    CHECK(one.ends_with("\r\n\r\n89!"));
    const std::string several =
        client.exchange(get("/static/a.txt", "Range: bytes=0-1, 5-6, 10-\r\n") + get("/hello"),
                        [](const std::string& got) { return has(got, "hello!"); });
    CHECK(has(several, "HTTP/1.1 206 "));
    const std::size_t length = std::stoul(
        several.substr(several.find("Content-Length: ") + std::string("Content-Length: ").size()));
    const std::string body = several.substr(several.find("\r\n\r\n") + 4, length);
    CHECK(has(body, "bytes 0-1/11\r\n\r\n01\r\n--"));
    CHECK(has(body, "bytes 5-6/11\r\n\r\n56\r\n--"));
    CHECK(has(body, "bytes 10-10/11\r\n\r\n!\r\n--"));
    CHECK(body.ends_with("--\r\n"));
    CHECK(several.substr(several.find("\r\n\r\n") + 4 + length).starts_with("HTTP/1.1 200 OK\r\n"));
  }

  TEST_CASE("a head and the file after it are one packet") {
    Site site;
    ServerSetup setup = site.setup(net::Caller::client);
    setup.tcp = true;
    RunningServer server(site, setup);
    FrontSocket client = server.connect();
    unsigned least = 0;
    // The kernel waits 200 ms for the file, which may not be enough on a loaded machine.
    for (int tries = 0; least != 1 && tries < 50; ++tries) {
      const unsigned before = packets(client);
      client.exchange(get("/static/a.txt"), dots(1));
      least = packets(client) - before;
    }
    CHECK(least == 1);
  }

  TEST_CASE("several ranges share the file's descriptor") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    client.exchange(get("/static/a.txt"), dots(1));
    const NoDescriptors few(2);  // enough for the file itself
    const std::string got = client.exchange(
        get("/static/a.txt", "Range: bytes=0-1,4-5,8-9\r\n") + get("/hello"), dots(1));
    CHECK(got.starts_with("HTTP/1.1 206 Partial Content\r\n"));
    CHECK(has(got, "\r\n\r\n45\r\n--"));
    CHECK(got.ends_with("hello!"));
  }

  TEST_CASE("pipelined files come in order") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    std::string all = get("/slow");
    for (int i = 0; i < 5; ++i) all += get("/static/large.bin") + get("/hello");
    REQUIRE(client.send(all));
    REQUIRE(eventually([&] { return site.gate.waiting() == 1; }));
    CHECK(client.silent());
    site.gate.open();
    const std::string got = client.receive(dots(11));
    CHECK(has(got.substr(0, 300), "slow!"));
    CHECK(count(got, site.large) == 5);
    CHECK(count(got, "hello!") == 5);
    CHECK(got.ends_with("hello!"));
    CHECK(eventually([&] { return server.reporter().accesses().size() == 11; }));
  }

  TEST_CASE("a file is not opened before the client has taken the one before it") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    std::string all;
    for (int i = 0; i < 20; ++i) all += get("/static/large.bin");
    REQUIRE(client.send(all));
    REQUIRE(eventually([&] { return open_files(site.folder) > 0; }));
    std::size_t most = 0;
    const std::string got = client.receive([&](const std::string& bytes) {
      most = std::max(most, open_files(site.folder));
      return bytes.size() > 20 * site.large.size() && bytes.ends_with("!");
    });
    CHECK(count(got, site.large) == 20);
    CHECK(most == 1);
    CHECK(eventually([&] { return open_files(site.folder) == 0; }));
  }

  TEST_CASE("a body that nobody reads ends the connection") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    const std::string got =
        client.exchange("GET /static/a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    CHECK(has(got, "\r\nConnection: close\r\n"));
    CHECK(got.ends_with("0123456789!"));
    CHECK(client.ended());
  }

  TEST_CASE("a client that waits to send its body learns that it need not") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    const std::string got = client.exchange(
        post("/static/a.txt", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""), dots(1));
    CHECK(got.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    CHECK(has(got, "\r\nAllow: GET, HEAD\r\n"));
  }

  TEST_CASE("the log has them like any other response") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    client.exchange(get("/static/a.txt"), dots(1));
    client.exchange(get("/static/none"), [](const std::string& got) { return has(got, "file."); });
    const std::string parts = client.exchange(
        get("/static/large.bin", "Range: bytes=0-9,20-29\r\n") + get("/hello"), dots(1));
    REQUIRE(eventually([&] { return server.reporter().accesses().size() == 4; }));
    CHECK(statuses(server) == std::vector<unsigned>{200, 404, 206, 200});
    const auto all = server.reporter().accesses();
    CHECK(all[0].body_bytes == 11);
    CHECK(has(parts, fmt::format("\r\nContent-Length: {}\r\n", all[2].body_bytes)));
  }

  TEST_CASE("the log tells how much of a file a client took that did not wait for its end") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    std::string ranges;
    SUBCASE("the whole file") {
      ranges = "";
    }
    SUBCASE("parts") {
      ranges = "Range: bytes=0-9,20-4000000,5000000-8000000\r\n";
    }
    server.connect().exchange(get("/static/large.bin", ranges),
                              [](const std::string& got) { return got.size() > 1000; });
    REQUIRE(eventually([&] { return server.reporter().accesses().size() == 1; }));
    const auto access = server.reporter().accesses().front();
    CHECK(access.status == 499);
    CHECK(access.body_bytes > 500);
    CHECK(access.body_bytes < 7'000'000);
  }

  TEST_CASE("a file that the application leaves to the server is the whole response") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    for (const char* path : {"/leave", "/leave-file", "/leave"}) {
      CAPTURE(path);
      const std::string got = client.exchange(get(path), dots(1));
      CHECK(has(got, "\r\nContent-Disposition: a\r\n"));
      CHECK(has(got, "\r\nContent-Length: 11\r\n"));
      CHECK_FALSE(has(got, "X-Accel"));
      CHECK(got.ends_with("\r\n\r\n0123456789!"));
    }
    CHECK(client.exchange(get("/leave", "Range: bytes=9-\r\n"), dots(1)).ends_with("\r\n\r\n9!"));
    CHECK(has(client.exchange(get("/leave", "Range: bytes=0-1,9-\r\n") + get("/hello"),
                              [](const std::string& got) { return has(got, "hello!"); }),
              "bytes 9-10/11\r\n\r\n9!\r\n--"));
    REQUIRE(eventually([&] { return server.reporter().accesses().size() == 6; }));
    CHECK(statuses(server) == std::vector<unsigned>{200, 200, 200, 206, 206, 200});
    CHECK(server.reporter().accesses()[0].body_bytes == 11);
    CHECK(server.lost() == 0);
  }

  TEST_CASE("a file that the application may not send is an error") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    const std::string got = server.connect().exchange(
        get("/leave-nothing"), [](const std::string& text) { return has(text, "sent.\n"); });
    CHECK(got.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    CHECK(server.reporter().count(LogEvent::response_file_refused, {"/leave-nothing"}) == 1);
  }

  TEST_CASE("a front finds the application's file itself") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::front));
    Asked asked;
    asked.path = "/leave-front";
    site.on("/leave-front", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", kLeaves, false};
      CHECK(exchange.send(&head, {}, gateway::End::last, nullptr).status ==
            gateway::SendStatus::ok);
    });
    for (const Speech speech : kSpeeches) {
      CHECK(server.ask(speech, asked).has("X-Accel-Redirect: /in/a.txt\r\n"));
    }
  }

  TEST_CASE("OPTIONS of the server is not the application's") {
    Site site;
    RunningServer server(site, site.setup(net::Caller::client));
    FrontSocket client = server.connect();
    const std::string got =
        client.exchange("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n" + get("/hello"), dots(1));
    CHECK(got.starts_with("HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, POST, "));
    CHECK(got.ends_with("hello!"));
    CHECK(site.calls() == 1);
  }
}
