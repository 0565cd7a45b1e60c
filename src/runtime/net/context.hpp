// What the connections of a server, and the threads that respond on them, share.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/name_layout.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/net/connection_list.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/exchange_pool.hpp"
#include "runtime/net/other_workers.hpp"
#include "runtime/net/outgoing_memory.hpp"
#include "runtime/net/server_options.hpp"
#include "runtime/net/told_names.hpp"
#include "runtime/net/waiting_connections.hpp"

namespace appd::net {

/// The surroundings of a server's connections, their sessions and exchanges. The server makes it
/// first and owns it. It outlives the connections and the exchanges; the loop, the dispatcher and
/// the reporter outlive it.
struct Context {
  Context(EventLoop& event_loop, ServerOptions server_options, Dispatcher& pool,
          gateway::Reporter& log, Peers* peers)
      : loop(event_loop),
        options(std::move(server_options)),
        dispatcher(pool),
        reporter(log),
        outgoing_memory(options.outgoing_memory, options.spool_dir, options.spool_quota, log),
        other_workers(loop, peers, [this] { connections.notify_all(); }),
        waiting(loop, outgoing_memory) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // -- Any thread

  EventLoop& loop;  ///< its thread alone runs what follows below
  const ServerOptions options;
  Dispatcher& dispatcher;
  gateway::Reporter& reporter;
  OutgoingMemory outgoing_memory;
  /// The server drains: its connections end, here at least, as soon as what runs is answered.
  std::atomic<bool> draining{false};
  /// A response's head was so large that nginx may refuse it. Each would repeat the warning.
  std::atomic<bool> large_head_seen{false};

  // -- Loop's thread

  ExchangePool exchanges;
  gateway::BlockPool blocks;
  gateway::NameLayouts layouts;
  ToldNames told_names;  ///< of variables that a front sends with two values
  /// Where every connection reads. Large enough that a part-filled read means an empty socket and
  /// bodies come in few calls; memory that no read has filled yet costs nothing.
  static constexpr std::size_t kReadBuffer = 256 * 1024;
  const std::unique_ptr<char[]> read_buffer = std::make_unique_for_overwrite<char[]>(kReadBuffer);
  OtherWorkers other_workers;
  WaitingConnections waiting;
  ConnectionList connections;
};

}  // namespace appd::net
