// What the connections of a server work with on the loop's thread.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/name_layout.hpp"
#include "runtime/net/connection_list.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/exchange_pool.hpp"
#include "runtime/net/other_workers.hpp"
#include "runtime/net/told_names.hpp"
#include "runtime/net/waiting_connections.hpp"

namespace appd::net {

/// What connections and sessions borrow, share and register with. Loop's thread only. The server
/// owns it; it outlives the connections.
struct Workspace {
  Workspace(Context& shared, Peers* peers)
      : context(shared),
        other_workers(shared.loop, peers, [this] { connections.notify_all(); }),
        waiting(shared.loop, shared.outgoing_memory) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  Context& context;
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
