// The owner of a worker's listening sockets and connections.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/idle_connections.hpp"
#include "runtime/net/outgoing_memory.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/net/server_options.hpp"
#include "runtime/net/told_names.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Everything of a worker that listens and talks: accepts connections, owns them, watches their
/// deadlines, lends them exchanges. Loop's thread only, but for `options`, `reporter`, `dispatcher`
/// and `draining`. Outlives the connections; the loop outlives it.
class Server final : public ConnectionTaker {
 public:
  Server(EventLoop& loop, ServerOptions options, Dispatcher& dispatcher,
         gateway::Reporter& reporter, Peers* peers = nullptr);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Accepts on a listening socket (non-blocking) from now on.
  void listen(support::UniqueFd socket);
  void adopt(support::UniqueFd socket, std::string_view bytes) override;
  void inherit(support::UniqueFd socket, std::string_view bytes) override;
  /// Responses in the place of a call that does not come back: with 504, or by breaking the
  /// response off. `running`: only its address counts.
  void respond_instead(const WireExchange* running);
  /// Takes an idle connection, of which it makes a descriptor of its own. False: not now.
  using HandOver = std::function<bool(int socket)>;
  /// Stops accepting, hands idle connections over, and the others when their requests are answered;
  /// then calls `on_done` (once, on the loop). Without `hand_over` it closes them. May be called
  /// again with another `hand_over`, or none.
  void drain(std::function<void()> on_done, HandOver hand_over = nullptr);
  /// Closes everything now.
  void stop();

  EventLoop& loop() noexcept { return loop_; }
  const ServerOptions& options() const noexcept { return options_; }
  gateway::Reporter& reporter() noexcept { return reporter_; }
  Dispatcher& dispatcher() noexcept { return dispatcher_; }
  bool draining() const noexcept { return draining_.load(); }

  /// True once: each response would repeat the warning of a large head. Any thread.
  bool first_large_head() noexcept { return !large_head_seen_.exchange(true); }

  std::size_t connections() const noexcept { return connections_.size(); }
  bool make_room_for_given() override;

  // -- For connections
  // ------------------------------------------------------------------------------

  std::span<char> read_buffer() noexcept { return {read_buffer_.get(), kReadBuffer}; }
  OutgoingMemory& outgoing_memory() noexcept { return outgoing_memory_; }
  gateway::BlockPool& blocks() noexcept { return blocks_; }
  gateway::NameLayouts& layouts() noexcept { return layouts_; }
  /// Of variables that are sent with two values.
  ToldNames& told_names() noexcept { return told_names_; }
  std::shared_ptr<WireExchange> take_exchange();
  void give_back(std::shared_ptr<WireExchange> exchange);
  /// Checks the connection's deadline every now and then until it has none.
  void watch(std::shared_ptr<Connection> connection);
  /// Lets the connection `try_again` in a moment.
  void try_again_later(std::shared_ptr<Connection> connection);
  /// May end the connection's life.
  void forget(Connection& connection);
  /// True when another worker has time for what waits here.
  bool has_idle_peer() const noexcept {
    return peers_ != nullptr && !draining() && peers_->any_idle();
  }
  /// Loop's thread.
  bool hands_over() const noexcept { return hand_over_ != nullptr; }
  /// False: not now, it will be tried again.
  bool hand_over(int socket);
  /// Gives a copy of the descriptor to another worker, which reads `bytes` first. False: no.
  bool give_away(int socket, std::string_view bytes) noexcept {
    return peers_ != nullptr && !draining() && peers_->give(socket, bytes);
  }

 private:
  class Listener;

  /// Large enough that a part-filled read means an empty socket and bodies come in few calls.
  static constexpr std::size_t kReadBuffer = 256 * 1024;

  bool admits(int socket, bool local);
  void open(support::UniqueFd socket, bool local, std::string_view first = {});
  void check_deadlines();
  void drain_connections();
  void notify_connections();
  bool at_limit() const noexcept { return connections_.size() >= max_connections_; }
  bool make_room();
  void set_full(bool full);
  void report_trouble(std::string_view what);

  EventLoop& loop_;
  const ServerOptions options_;
  Dispatcher& dispatcher_;
  gateway::Reporter& reporter_;
  OutgoingMemory outgoing_memory_;
  Peers* const peers_;  // null: there are none
  std::atomic<bool> draining_{false};
  std::atomic<bool> large_head_seen_{false};
  std::function<void()> on_drained_;
  HandOver hand_over_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::shared_ptr<Connection>> connections_;  // each knows its place
  const std::size_t max_connections_;
  IdleConnections idle_;
  bool full_ = false;  // one waits for room, and nothing is idle
  EventLoop::Clock::time_point next_report_{};
  std::vector<std::shared_ptr<WireExchange>> spare_;
  std::vector<std::shared_ptr<Connection>> watched_;
  EventLoop::Timer watch_timer_;
  EventLoop::Timer handover_timer_;
  std::vector<std::shared_ptr<Connection>> waiting_for_memory_;
  EventLoop::Timer memory_timer_;
  EventLoop::Timer trim_timer_;
  gateway::BlockPool blocks_;
  gateway::NameLayouts layouts_;
  ToldNames told_names_;
  // Memory that no read has filled yet costs nothing.
  const std::unique_ptr<char[]> read_buffer_;
};

}  // namespace appd::net
