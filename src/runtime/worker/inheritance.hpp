#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::worker {

/// The box (a SEQPACKET pair) in which idle connections of retired workers, and what dead ones had
/// been given, wait for those that serve, of whatever generation. All have it open, and whoever has
/// time takes the next. Made before the first fork.
struct Inheritance {
  /// Throws std::system_error.
  Inheritance();
  Inheritance(support::UniqueFd in_end, support::UniqueFd out_end) noexcept
      : in(std::move(in_end)), out(std::move(out_end)) {}

  support::UniqueFd in;
  support::UniqueFd out;
  mutable std::mutex reading;  ///< among the threads of one process; among processes: a file lock
};

/// Puts a connection into the box. False: not now; nothing has happened.
bool bequeath(const Inheritance& box, int socket) noexcept;

/// A worker has died: moves all connections that wait in its mailbox (the end that it read; −1: it
/// had none) into the box, with what has been read of them; how many there were. What finds the box
/// full, or no descriptor, stays in the mailbox for who has that next. An
/// heir looks into the box then, also when it was the dead one that had been woken for what is in.
/// It may wait for whoever put something in: not for a master, see support/aside.hpp.
int salvage(int mailbox, const Inheritance& box);
/// Nothing can be put into the mailbox any more; what is in can be taken out.
void close_mailbox(int mailbox) noexcept;

/// Takes connections out of the box, one that there is no descriptor for excepted: it stays for
/// others. Loop's thread only.
class Heir final : private net::Watcher {
 public:
  /// `bytes`: what has been read of it already.
  using Adopt = std::function<void(support::UniqueFd socket, std::string_view bytes)>;
  using MakeRoom = std::function<bool()>;

  Heir(net::EventLoop& loop, const Inheritance& box);

  /// From now on gives connections that come to `adopt`. `make_room`: as with Siblings.
  void open(
      Adopt adopt, MakeRoom make_room = [] { return false; });
  /// Leaves what comes to the others. May give one more connection to `adopt`, which is then to be
  /// put into the box again: it wakes another heir, where this one may have been woken for it.
  void close();

 private:
  void on_events(std::uint32_t events) override;
  void on_watch_failed(int error) override;
  void listen();
  void pause(std::chrono::milliseconds time);
  void receive_one();

  const Inheritance& inheritance_;
  const int box_;
  Adopt adopt_;
  MakeRoom make_room_;
  bool made_room_ = false;  // in vain, if the next message cannot be taken now
  std::vector<char> buffer_;
  net::EventLoop::Watch watch_;
  net::EventLoop::Timer pause_;
};

}  // namespace appd::worker
