// A server whose loop is the test's thread, and whose pool runs nothing.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/recording_reporter.hpp"
#include "fakes/temporary_folder.hpp"
#include "fakes/usual_options.hpp"
#include "fakes/wired.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/server.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/sockets/listening_socket.hpp"

namespace appd::test {

/// Peers that take what they are given while `idle`.
struct RecordingPeers final : net::Peers {
  struct Given {
    support::UniqueFd socket;
    std::string bytes;
    net::Caller caller;
  };

  bool any_idle() const noexcept override {
    ++asked;
    return idle;
  }
  bool give(int socket, net::Caller caller, std::string_view bytes) noexcept override {
    if (!idle) return false;
    given.push_back({support::UniqueFd(::dup(socket)), std::string(bytes), caller});
    return true;
  }
  bool queue_for_handover(int socket, net::Caller caller,
                          std::string_view bytes) noexcept override {
    queued.push_back({support::UniqueFd(::dup(socket)), std::string(bytes), caller});
    return true;
  }
  void set_full(bool full) noexcept override { told.push_back(full); }

  bool idle = true;
  mutable int asked = 0;  ///< how often for an idle worker
  std::vector<Given> given;
  std::vector<Given> queued;
  std::vector<bool> told;
};

/// A pool whose threads are all in calls that do not end. Keeps what it is told.
struct BusyPool final : net::Dispatcher {
  using Connections = std::vector<std::shared_ptr<net::Connection>>;

  bool submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept override {
    waiting.push_back(exchange);
    return true;
  }
  bool saturated() const noexcept override { return true; }
  void notify(std::shared_ptr<net::Connection> connection) noexcept override {
    notified.push_back(std::move(connection));
  }
  void notify_later(std::shared_ptr<net::Connection> connection) noexcept override {
    notified.push_back(std::move(connection));
  }
  void schedule_flush(std::shared_ptr<net::Connection> connection) noexcept override {
    holding.push_back(std::move(connection));
  }

  std::vector<std::shared_ptr<net::WireExchange>> waiting;
  Connections notified;
  Connections holding;  ///< they hold a block of a stream
};

/// A server on one thread: the test's, which runs the loop.
struct BusyServer {
  explicit BusyServer(std::size_t most_connections = 100)
      : server(loop, options_for(most_connections), pool, reporter, &peers) {
    server.listen(socket.take_fd());
  }
  ~BusyServer() {
    server.stop();
    pool.waiting.clear();
    pool.notified.clear();
    pool.holding.clear();
  }

  UsualOptions options_for(std::size_t connections) const {
    UsualOptions options;
    options.max_connections = connections;
    options.spool_dir = folder.path();
    return options;
  }
  FrontSocket connect() const { return FrontSocket::to_unix(socket.name()); }
  /// A front whose connection begins with these bytes, which the server has read.
  FrontSocket begin(std::string_view sent) {
    Wired wired;
    server.adopt(std::move(wired.server), net::Caller::front, sent);
    return FrontSocket(std::move(wired.front));
  }
  /// Runs the loop until `condition` holds. False if it never did.
  template <typename Condition>
  bool run_until(Condition condition) {
    const auto deadline = net::EventLoop::Clock::now() + kPatience;
    net::EventLoop::Timer tick(loop, [] {});
    while (!condition()) {
      if (net::EventLoop::Clock::now() > deadline) return false;
      tick.expire_after(std::chrono::milliseconds(1));
      loop.run_one();
    }
    return true;
  }
  /// The same until the loop's clock has come to `time`.
  void run_to(net::EventLoop::Clock::time_point time) {
    run_until([&] { return loop.now() >= time; });
  }

  TemporaryFolder folder;
  sockets::ListeningSocket socket =
      sockets::ListeningSocket::open(sockets::UnixPath{folder / "socket"}, {});
  RecordingReporter reporter;
  RecordingPeers peers;
  BusyPool pool;
  net::EventLoop loop;
  net::Server server;
};

}  // namespace appd::test
