// The owner of a worker's listening sockets and connections.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/idle_connections.hpp"
#include "runtime/net/other_workers.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/net/server_options.hpp"
#include "runtime/net/workspace.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

class WireExchange;

/// The part of a worker that listens and talks: accepts connections, owns them, drains them. Loop's
/// thread only, except `options` and `draining`. Outlives the connections; the loop outlives the
/// server.
class Server final : public ConnectionTaker {
 public:
  Server(EventLoop& loop, ServerOptions options, Dispatcher& dispatcher,
         gateway::Reporter& reporter, Peers* peers = nullptr);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Accepts connections on a listening socket, which must be non-blocking, from now on.
  void listen(support::UniqueFd socket, Caller caller = Caller::front);
  void adopt(support::UniqueFd socket, Caller caller, std::string_view bytes) override;
  void take_over(support::UniqueFd socket, Caller caller, std::string_view bytes) override;
  /// Responds in place of a call that does not return: with 504, or by breaking the response off.
  /// Only the address of `running` is used.
  void respond_instead(const WireExchange* running);
  using Idle = OtherWorkers::Idle;
  /// Stops accepting. Leaves or closes idle connections at once, and the others when their requests
  /// are answered. Calls `on_done` once, on the loop, when no connection is left. May be called
  /// again with another `idle`; the first `on_done` stays.
  void drain(std::function<void()> on_done, Idle idle = Idle::closed);
  /// Closes everything now.
  void stop();

  const ServerOptions& options() const noexcept { return context_.options; }
  bool draining() const noexcept { return context_.draining.load(); }

  std::size_t connections() const noexcept { return connections_.size(); }
  const OutgoingMemory& outgoing_memory() const noexcept { return context_.outgoing_memory; }
  bool make_room_for_given() override;

 private:
  class Listener;

  bool admits(int socket, bool local);
  void open(support::UniqueFd socket, bool local, Caller caller, std::string_view first = {});
  bool at_limit() const noexcept { return connections() >= max_connections_; }
  bool make_room();
  void set_full(bool full);
  void on_connection_removed();
  void tell_when_drained();
  void report_trouble(std::string_view what);

  Context context_;
  OtherWorkers other_workers_;
  WaitingConnections waiting_;
  Workspace workspace_;
  ConnectionList<Connection> connections_;
  std::function<void()> on_drained_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  const std::size_t max_connections_;
  IdleConnections idle_;
  bool full_ = false;  // a connection waits for room, and none is idle
  EventLoop::Clock::time_point next_report_{};
};

}  // namespace appd::net
