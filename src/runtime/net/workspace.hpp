// What the connections of a server work with on the loop's thread.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/name_layout.hpp"
#include "runtime/net/connection_list.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/exchange_pool.hpp"
#include "runtime/net/kept_clients.hpp"
#include "runtime/net/other_workers.hpp"
#include "runtime/net/told_names.hpp"
#include "runtime/net/waiting_connections.hpp"

namespace appd::net {

class Connection;

/// What only fronts may say is not believed of clients; their proxies' word counts instead.
/// `options` must stay where they are.
inline gateway::EnvironPolicy policy_for_clients(const ServerOptions& options) {
  gateway::EnvironPolicy policy;
  policy.mount = options.environ.mount;
  policy.proxies = &options.proxies;
  return policy;
}

/// What connections and sessions borrow, share and register with. Loop's thread only. The server
/// owns it; it outlives the connections.
struct Workspace {
  Workspace(Context& shared, ConnectionList<Connection>& list, WaitingConnections& waiting_list,
            OtherWorkers& ways_out)
      : context(shared),
        connections(list),
        waiting(waiting_list),
        other_workers(ways_out),
        client_environ(policy_for_clients(shared.options)),
        kept_clients(shared.loop, shared.options.keep_alive_timeout) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  Context& context;
  ConnectionList<Connection>& connections;
  WaitingConnections& waiting;
  OtherWorkers& other_workers;
  const gateway::EnvironPolicy client_environ;
  KeptClients kept_clients;
  ExchangePool exchanges;
  gateway::BlockPool blocks;
  gateway::NameLayouts layouts;
  ToldNames told_names;  ///< of variables that a front sends with two values
  /// Where every connection reads. Large enough that a partly filled read means an empty socket and
  /// that bodies come in few calls; memory that no read has filled yet costs nothing.
  static constexpr std::size_t kReadBuffer = 256 * 1024;
  const std::unique_ptr<char[]> read_buffer = std::make_unique_for_overwrite<char[]>(kReadBuffer);
};

}  // namespace appd::net
