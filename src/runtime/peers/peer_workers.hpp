// The inboxes through which workers of a generation share load.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

/// Where connections wait that workers give to each other: a box for each worker (a SEQPACKET
/// pair), open in all of them. Made before the first fork. What lies in the box of a worker that
/// died the master gives to whoever serves (`recover`): not each worker has a replacement.
class Inboxes {
 public:
  /// Throws std::system_error. One worker needs none.
  explicit Inboxes(unsigned workers);

  struct Box {
    support::UniqueFd in;   ///< anyone puts connections in
    support::UniqueFd out;  ///< the owner takes them out
  };
  std::span<const Box> boxes() const noexcept { return boxes_; }
  /// In a process that has nothing to do with these workers.
  void close() noexcept { boxes_.clear(); }
  /// Gives all ends away.
  std::vector<support::UniqueFd> release();

 private:
  std::vector<Box> boxes_;
};

/// The other workers of the same application: sees who has time, and exchanges connections with
/// them. Loop's thread only.
class PeerWorkers final : public net::Peers, private net::Watcher {
 public:
  using Adopt = std::function<void(support::UniqueFd socket, std::string_view bytes)>;
  using Share = std::function<void()>;
  using MakeRoom = std::function<bool()>;

  /// `index`: of this worker, in `loads` and `boxes`, which have as many entries, of `threads`
  /// threads each.
  PeerWorkers(net::EventLoop& loop, unsigned index, std::span<ipc::WorkerLoad> loads,
              std::span<const Inboxes::Box> boxes, unsigned threads);

  /// From now on gives connections that come to `adopt`, and calls `share` when another worker has
  /// time for what waits here. One for which there is no descriptor stays in the box, whence it
  /// outlives this worker; it is tried again at once when `make_room` could close another, else
  /// soon.
  void open(
      Adopt adopt, Share share, MakeRoom make_room = [] { return false; });
  /// Takes what is on its way; others know that nothing more is to be sent.
  void close();

  bool any_idle() const noexcept override { return idle_one() != nullptr; }
  bool give(int socket, std::string_view bytes) noexcept override;
  void set_full(bool full) noexcept override { loads_[index_].full.store(full ? 1 : 0); }
  /// Asks the worker in which most requests wait to give some here. Any thread.
  void offer_time() noexcept;

 private:
  ipc::WorkerLoad* idle_one() const noexcept;
  const Inboxes::Box& box_of(const ipc::WorkerLoad& load) const noexcept;
  void on_events(std::uint32_t events) override;
  void on_watch_failed(int error) override;
  void pause();
  bool receive_one();

  const unsigned index_;
  const std::span<ipc::WorkerLoad> loads_;
  const std::span<const Inboxes::Box> boxes_;
  const unsigned threads_;
  Adopt adopt_;
  Share share_;
  MakeRoom make_room_;
  bool made_room_ = false;  // in vain, if the next message cannot be taken now
  bool adopted_ = false;    // something, since time was offered last
  net::EventLoop::Watch watch_;
  net::EventLoop::Timer pause_;
  std::vector<char> buffer_;
};

}  // namespace appd::peers
