// Adds, removes and visits the connections of a server.

#include "runtime/net/connection_list.hpp"

#include <algorithm>

#include "runtime/net/connection.hpp"

namespace appd::net {

void ConnectionList::add(std::shared_ptr<Connection> connection) {
  connection->set_place(all_.size());
  all_.push_back(std::move(connection));
}

void ConnectionList::remove(Connection& connection) {
  all_.back()->set_place(connection.place());
  std::swap(all_[connection.place()], all_.back());
  all_.pop_back();
  if (tells_removals_) on_removed_();
}

std::shared_ptr<Connection> ConnectionList::find(const WireExchange* exchange) const noexcept {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](const auto& each) { return each->has(exchange); });
  return found == all_.end() ? nullptr : *found;
}

void ConnectionList::notify_all() const {
  for_each([](Connection& connection) { connection.on_notified(); });
}

}  // namespace appd::net
