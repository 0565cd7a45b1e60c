// The connections of a server, which own themselves through it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace appd::net {

class Connection;
class WireExchange;

/// All connections of a server. Each knows its place, so that it leaves without a search. Loop's
/// thread only.
class ConnectionList {
 public:
  void add(std::shared_ptr<Connection> connection);
  /// May end the connection's life.
  void remove(Connection& connection);

  std::size_t size() const noexcept { return all_.size(); }
  bool empty() const noexcept { return all_.empty(); }
  std::span<const std::shared_ptr<Connection>> all() const noexcept { return all_; }
  /// The connection on which this request is under way; null if none is. Only the address of
  /// `exchange` counts.
  std::shared_ptr<Connection> find(const WireExchange* exchange) const noexcept;

  /// Does something with each connection, which may close itself or others meanwhile.
  template <typename Act>
  void for_each(Act act) const {
    const std::vector<std::shared_ptr<Connection>> all = all_;
    for (const auto& connection : all) act(*connection);
  }
  /// Lets each do what it can do now.
  void notify_all() const;

  /// What is called after a connection has left, while somebody waits for that.
  void set_on_removed(std::function<void()> on_removed) { on_removed_ = std::move(on_removed); }
  void tell_removals(bool tell) noexcept { tells_removals_ = tell; }

 private:
  std::vector<std::shared_ptr<Connection>> all_;
  std::function<void()> on_removed_;
  bool tells_removals_ = false;
};

}  // namespace appd::net
