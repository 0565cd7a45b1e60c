// What the connections of a server, and the threads that respond on them, must know.
#pragma once

#include <atomic>
#include <utility>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/outgoing_memory.hpp"
#include "runtime/net/server_options.hpp"

namespace appd::net {

/// The surroundings of a server's connections and exchanges, as far as every thread may look. The
/// server makes it first and owns it. It outlives the connections and the exchanges; the loop, the
/// dispatcher and the reporter outlive it.
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
  /// The server drains: its connections end, here at least, as soon as what runs is answered.
  std::atomic<bool> draining{false};
  /// A response's head was so large that nginx may refuse it. Each would repeat the warning.
  std::atomic<bool> large_head_seen{false};
};

}  // namespace appd::net
