// Tests of what a server asks of its peers, without a second worker.

#include "runtime/net/peers.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/recording_reporter.hpp"
#include "fakes/temporary_folder.hpp"
#include "fakes/wired.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/server.hpp"
#include "runtime/sockets/listening_socket.hpp"

using namespace appd;
using namespace appd::test;

namespace {

/// Peers that take what they are given while `idle`.
struct OtherWorkers final : net::Peers {
  struct Given {
    support::UniqueFd socket;
    std::string bytes;
  };

  bool any_idle() const noexcept override { return idle; }
  bool give(int socket, std::string_view bytes) noexcept override {
    if (!idle) return false;
    given.push_back({support::UniqueFd(::dup(socket)), std::string(bytes)});
    return true;
  }
  bool queue_for_handover(int socket) noexcept override {
    queued.emplace_back(::dup(socket));
    return true;
  }
  void set_full(bool full) noexcept override { told.push_back(full); }

  bool idle = true;
  std::vector<Given> given;
  std::vector<support::UniqueFd> queued;
  std::vector<bool> told;
};

/// A pool whose threads are all in calls that do not end.
struct BusyPool final : net::Dispatcher {
  bool submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept override {
    waiting.push_back(exchange);
    return true;
  }
  bool saturated() const noexcept override { return true; }
  void notify(std::shared_ptr<net::Connection>) noexcept override {}
  void notify_later(std::shared_ptr<net::Connection>) noexcept override {}
  void schedule_flush(std::shared_ptr<net::Connection>) noexcept override {}

  std::vector<std::shared_ptr<net::WireExchange>> waiting;
};

/// A server on one thread: the test's, which runs the loop.
struct BusyServer {
  explicit BusyServer(std::size_t most_connections = 100)
      : server(loop, at_most(most_connections), pool, reporter, &peers) {
    server.listen(socket.take_fd());
  }
  ~BusyServer() {
    server.stop();
    pool.waiting.clear();
  }

  static net::ServerOptions at_most(std::size_t connections) {
    net::ServerOptions options;
    options.max_connections = connections;
    return options;
  }
  FrontSocket connect() const { return FrontSocket::to_unix(socket.name()); }

  TemporaryFolder folder;
  sockets::ListeningSocket socket =
      sockets::ListeningSocket::open(sockets::UnixPath{folder / "socket"}, {});
  RecordingReporter reporter;
  OtherWorkers peers;
  BusyPool pool;
  net::EventLoop loop;
  net::Server server;
};

}  // namespace

TEST_SUITE("peers of a server") {
  TEST_CASE("a request that waits goes to an idle peer, with what has been read of it") {
    for (const Speech speech : kSpeeches) {
      CAPTURE(name(speech));
      BusyServer here;
      Wired wired;
      const std::string sent =
          request(speech, {.path = "/there", .method = "POST", .body = "body"});
      here.server.adopt(std::move(wired.server), sent);
      REQUIRE(here.pool.waiting.size() == 1);
      CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::done);
      REQUIRE(here.peers.given.size() == 1);
      const OtherWorkers::Given& given = here.peers.given.front();
      CHECK(given.bytes.find("/there") != std::string::npos);
      CHECK(given.bytes.find("body") != std::string::npos);
      CHECK(heard(wired.front, given.socket, "from there") == "from there");
      CHECK(here.server.connections() == 0);
    }
  }

  TEST_CASE("it stays when no peer is idle") {
    BusyServer here;
    Wired wired;
    here.server.adopt(std::move(wired.server), request(Speech::scgi, {"/here"}));
    REQUIRE(here.pool.waiting.size() == 1);
    here.peers.idle = false;
    CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::nobody);
    CHECK(here.peers.given.empty());
    CHECK(here.server.connections() == 1);
  }

  TEST_CASE("it stays when the server drains") {
    BusyServer here;
    Wired wired;
    here.server.adopt(std::move(wired.server), request(Speech::scgi, {"/here"}));
    REQUIRE(here.pool.waiting.size() == 1);
    here.server.drain([] {});
    CHECK(net::Connection::try_hand_over(*here.pool.waiting.front()) == net::HandOver::nobody);
    CHECK(here.peers.given.empty());
    CHECK(here.server.connections() == 1);
  }

  TEST_CASE("an idle connection of a server that drains is queued for handover, or ends here") {
    for (const bool left : {true, false}) {
      CAPTURE(left);
      BusyServer here;
      Wired wired;
      here.server.adopt(std::move(wired.server), {});
      bool done = false;
      using Idle = net::Server::Idle;
      here.server.drain([&] { done = true; }, left ? Idle::left : Idle::closed);
      CHECK(here.peers.queued.size() == (left ? 1 : 0));
      CHECK(done == left);
      wired.front.reset();
      while (!done) here.loop.run_one();
      CHECK(here.peers.given.empty());
    }
  }

  TEST_CASE("without other workers it ends here in any case") {
    RecordingReporter reporter;
    BusyPool pool;
    net::EventLoop loop;
    net::Server alone(loop, {}, pool, reporter);
    Wired wired;
    alone.adopt(std::move(wired.server), {});
    bool done = false;
    alone.drain([&] { done = true; }, net::Server::Idle::left);
    CHECK(alone.connections() == 1);
    wired.front.reset();
    while (!done) loop.run_one();
  }

  TEST_CASE("a connection that comes while every thread is in a call goes to a peer unread") {
    BusyServer here;
    FrontSocket front = here.connect();
    here.loop.run_one();
    REQUIRE(here.peers.given.size() == 1);
    CHECK(here.peers.given.front().bytes.empty());
    CHECK(here.server.connections() == 0);
    here.peers.idle = false;
    FrontSocket next = here.connect();
    here.loop.run_one();
    CHECK(here.peers.given.size() == 1);
    CHECK(here.server.connections() == 1);
  }

  TEST_CASE("peers are told when there is no room for theirs, and when there is again") {
    BusyServer here(1);
    here.peers.idle = false;
    FrontSocket first = here.connect();
    here.loop.run_one();
    CHECK(here.peers.told.empty());
    FrontSocket second = here.connect();
    while (here.peers.told.empty()) here.loop.run_one();
    CHECK(here.peers.told == std::vector{true});
    first.close();
    while (here.peers.told.size() == 1) here.loop.run_one();
    CHECK(here.peers.told == std::vector{true, false});
  }
}
