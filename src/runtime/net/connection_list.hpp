// The list of a server's connections.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace appd::net {

/// What a connection keeps for the list it is in: its place there, so that it leaves without a
/// search.
class Listed {
 protected:
  ~Listed() = default;

 private:
  template <typename Connection>
  friend class ConnectionList;

  std::size_t place_ = 0;
};

/// All connections of a server. Loop's thread only. A template over their class, of which it knows
/// no more than that it is Listed.
template <typename Connection>
class ConnectionList {
 public:
  void add(std::shared_ptr<Connection> connection) {
    place_of(*connection) = all_.size();
    all_.push_back(std::move(connection));
  }
  /// May destroy the connection.
  void remove(Connection& connection) {
    const std::size_t place = place_of(connection);
    place_of(*all_.back()) = place;
    std::swap(all_[place], all_.back());
    all_.pop_back();
    if (tells_removals_) on_removed_();
  }

  std::size_t size() const noexcept { return all_.size(); }
  bool empty() const noexcept { return all_.empty(); }
  std::span<const std::shared_ptr<Connection>> all() const noexcept { return all_; }
  /// The first connection that passes the test; null if none does.
  template <typename Test>
  std::shared_ptr<Connection> find(Test test) const {
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const auto& each) { return test(*each); });
    return found == all_.end() ? nullptr : *found;
  }
  /// Calls `act` for each connection; the call may close that connection or others.
  template <typename Act>
  void for_each(Act act) const {
    const std::vector<std::shared_ptr<Connection>> all = all_;
    for (const auto& connection : all) act(*connection);
  }

  /// `on_removed` is called after a connection has left, while `tell_removals` is on.
  void set_on_removed(std::function<void()> on_removed) { on_removed_ = std::move(on_removed); }
  void tell_removals(bool tell) noexcept { tells_removals_ = tell; }

 private:
  static std::size_t& place_of(Listed& connection) noexcept { return connection.place_; }

  std::vector<std::shared_ptr<Connection>> all_;
  std::function<void()> on_removed_;
  bool tells_removals_ = false;
};

}  // namespace appd::net
