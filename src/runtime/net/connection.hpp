// One accepted socket, from accept to close.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/net/channel.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/front_times.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/session.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

struct Workspace;

enum class HandOver : std::uint8_t {
  done,        ///< another worker has it; this one has forgotten it
  impossible,  ///< not alone on its connection, not all in memory, or too large
  nobody,      ///< no worker is idle now
};

/// One accepted socket: reads, writes, waits and ends it; its session makes requests of the bytes.
/// All members are the loop's, but for those marked "any thread". The server and the exchanges in
/// flight share its ownership.
///
///     open ──► lingering ──► closed       lingering: response sent, SHUT_WR done, late input
///     dropped
class Connection final : public Watcher, public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `socket` is non-blocking; `local`: it is a Unix socket.
  Connection(Workspace& workspace, support::UniqueFd socket, bool local);

  /// Takes `first` as its first bytes, reads what is there already, and goes on from it.
  void start(std::string_view first = {});
  /// Gives a request that waits, and that no pool thread can take, to another worker, with its
  /// connection. `done` also when its front has given it up.
  static HandOver try_hand_over(const WireExchange& waiting);
  /// Refuses such a request with 503, unless its front has given it up.
  static void refuse(const WireExchange& waiting, std::string_view reason);
  /// Responds in the place of a call that does not come back. The request is on this connection.
  void respond_instead(const WireExchange& running);
  /// True when this request is on the connection. Only its address counts.
  bool has(const WireExchange* exchange) const noexcept { return session_.has(exchange); }
  /// Something changed off the loop: a response ended, bytes wait to go out, a body was read.
  void on_notified() { advance(); }
  /// Sends what the outbox holds.
  void send_held();
  /// The server drains: ends, here at least, as soon as what runs is answered.
  void drain();
  /// Closes what has waited for the front for too long. False: it waits for nothing any more.
  bool check_deadline(Clock::time_point now);
  /// Ends it now, whatever runs.
  void close();
  void on_events(std::uint32_t events) override;
  void on_watch_failed(int error) override;

  /// For the server: some time has gone by since the kernel had no memory for it.
  void try_again();

  /// Since when nothing has been under way on it; none: something is.
  std::optional<Clock::time_point> idle_since() const noexcept;
  /// Closes it to make room for another, unless the front has sent something just now.
  bool try_close_idle();

  const Outbox& outbox() const noexcept { return channel_.outbox(); }

  /// For the server: where it keeps the connection.
  std::size_t place() const noexcept { return place_; }
  void set_place(std::size_t place) noexcept { place_ = place; }

 private:
  Context& context() noexcept { return channel_.context(); }
  const Context& context() const noexcept { return channel_.context(); }

  enum class State : std::uint8_t { open, lingering, closed };

  /// What events have told of the front.
  enum class Front : std::uint8_t {
    sends,
    hung_up,  ///< it has ended its sending side, or more
    gone,     ///< it takes nothing more either
  };
  /// What the last flush has left in the outbox.
  enum class Output : std::uint8_t {
    clear,  ///< nothing
    room,   ///< something, and the socket may have room for it since
    full,   ///< something, and room in the socket is waited for
  };
  enum class Transport : std::uint8_t { tcp, local };

  HandOver try_leave_with(const WireExchange& waiting);
  /// Whatever has happened, this comes after it: does all that can be done now, and waits for the
  /// rest. So nothing is to be resumed, and no reason to wait outlives itself.
  void advance();
  /// The one who knows whether input is taken now: never while a body that the application is to
  /// read is full, nor while the front leaves too much unread, nor what the next generation is to
  /// have. Nothing of this is stored.
  bool may_read() const noexcept;
  /// A request that is in the socket already is served here, also while the server
  /// hands connections over: there may be no time for that.
  void read_here();
  void read();
  void wait_for_memory(const char* call);
  void expect_room() noexcept;
  void on_input(std::string_view bytes);
  void on_end_of_input();
  void on_lost(int error);

  void settle();
  void watch();
  void flush();
  bool may_end() const noexcept;
  bool try_queue_for_handover();
  void end_or_linger();
  void end_with_reset();
  void release();

  std::optional<FrontTimes::Deadline> next_deadline() const;
  void on_deadline(FrontTimes::Wait wait);
  void report_timeout(FrontTimes::Wait wait) const;

  Workspace& workspace_;
  support::UniqueFd socket_;
  EventLoop::Watch watch_;
  const Transport transport_;
  std::size_t place_ = 0;
  Channel channel_;
  Session session_;

  State state_ = State::open;
  Front front_ = Front::sends;
  Output output_ = Output::clear;
  bool readable_ = true;  // the socket may hold input: until it has said otherwise
  bool watched_ = false;  // for deadlines
  bool starved_ = false;  // it is tried again when the kernel may have memory
  FrontTimes times_;
  Clock::time_point last_active_{};
};

}  // namespace appd::net
