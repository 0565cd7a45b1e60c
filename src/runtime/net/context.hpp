// What the connections of a server share with the threads that respond on them.
#pragma once

#include <atomic>
#include <utility>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/outgoing_memory.hpp"
#include "runtime/net/server_options.hpp"

namespace appd::net {

/// What a server's connections and exchanges share, for any thread. The server makes it first and
/// owns it. It outlives the connections and the exchanges; the loop, the dispatcher and the
/// reporter outlive it.
struct Context {
  Context(EventLoop& event_loop, ServerOptions server_options, Dispatcher& pool,
          gateway::Reporter& log)
      : loop(event_loop),
        options(std::move(server_options)),
        dispatcher(pool),
        reporter(log),
        outgoing_memory(options.outgoing_memory, options.spool_dir, options.spool_quota, log) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  EventLoop& loop;
  const ServerOptions options;
  Dispatcher& dispatcher;
  gateway::Reporter& reporter;
  OutgoingMemory outgoing_memory;
  /// The server drains: its connections end, in this worker at least, as soon as the requests under
  /// way are answered.
  std::atomic<bool> draining{false};
  /// A response's head was so large that nginx may refuse it. Later ones get another log event.
  std::atomic<bool> large_head_seen{false};
};

}  // namespace appd::net
