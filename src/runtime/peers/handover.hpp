// The handover queue that workers of all generations share.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

/// The box (a SEQPACKET pair) in which idle connections of retired workers, and what dead ones had
/// been given, wait for those that serve, of whatever generation. All have it open, and whoever has
/// time takes the next. Made before the first fork.
struct HandoverQueue {
  /// Throws std::system_error.
  HandoverQueue();
  HandoverQueue(support::UniqueFd in_end, support::UniqueFd out_end) noexcept
      : in(std::move(in_end)), out(std::move(out_end)) {}

  support::UniqueFd in;
  support::UniqueFd out;
  mutable std::mutex reading;  ///< among the threads of one process; among processes: a file lock
};

/// Puts a connection into the box. False: not now; nothing has happened.
bool hand_over(const HandoverQueue& box, int socket) noexcept;

/// A worker has died: moves all connections that wait in its inbox (the end that it read; −1: it
/// had none) into the box, with what has been read of them; how many there were. What finds the box
/// full, or no descriptor, stays in the inbox for who has that next. A
/// receiver looks into the box then, also when it was the dead one that had been woken for what is
/// in. It may wait for whoever put something in: not for a master, see support/aside.hpp.
int recover(int inbox, const HandoverQueue& box);
/// Nothing can be put into the inbox any more; what is in can be taken out.
void close_inbox(int inbox) noexcept;

/// Takes connections out of the box, one that there is no descriptor for excepted: it stays for
/// others. Loop's thread only.
class HandoverReceiver final : private net::Watcher {
 public:
  /// `bytes`: what has been read of it already.
  using Adopt = std::function<void(support::UniqueFd socket, std::string_view bytes)>;
  using MakeRoom = std::function<bool()>;

  HandoverReceiver(net::EventLoop& loop, const HandoverQueue& box);

  /// From now on gives connections that come to `adopt`. `make_room`: as with PeerWorkers.
  void open(
      Adopt adopt, MakeRoom make_room = [] { return false; });
  /// Leaves what comes to the others. May give one more connection to `adopt`, which is then to be
  /// put into the box again: it wakes another receiver, where this one may have been woken for it.
  void close();

 private:
  void on_events(std::uint32_t events) override;
  void on_watch_failed(int error) override;
  void listen();
  void pause(std::chrono::milliseconds time);
  void receive_one();

  const HandoverQueue& handover_queue_;
  const int box_;
  Adopt adopt_;
  MakeRoom make_room_;
  bool made_room_ = false;  // in vain, if the next message cannot be taken now
  std::vector<char> buffer_;
  net::EventLoop::Watch watch_;
  net::EventLoop::Timer pause_;
};

}  // namespace appd::peers
