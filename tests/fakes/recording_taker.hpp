// Takes the connections that a worker gets from others.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/peers.hpp"

namespace appd::test {

/// In the place of a server: keeps what it is given.
class RecordingTaker final : public net::ConnectionTaker {
 public:
  void adopt(support::UniqueFd socket, net::Caller caller, std::string_view bytes) override {
    callers.push_back(caller);
    adopted.emplace_back(std::move(socket), bytes);
    if (on_taken) on_taken();
  }
  void take_over(support::UniqueFd socket, net::Caller caller, std::string_view bytes) override {
    callers.push_back(caller);
    taken_over.emplace_back(std::move(socket), bytes);
    if (on_taken) on_taken();
  }
  bool make_room_for_given() override { return make_room && make_room(); }

  using Taken = std::pair<support::UniqueFd, std::string>;  ///< with what was read of it
  std::vector<Taken> adopted;
  std::vector<Taken> taken_over;
  std::vector<net::Caller> callers;  ///< of all that was taken
  std::function<void()> on_taken;
  std::function<bool()> make_room;
};

}  // namespace appd::test
