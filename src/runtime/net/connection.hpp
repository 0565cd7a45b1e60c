// One accepted socket, from accept to close.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/net/event_loop.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/session.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

struct Context;

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
  Connection(Context& context, support::UniqueFd socket, bool local);

  /// Takes `first` as its first bytes, reads what is there already, and goes on from it.
  void start(std::string_view first = {});
  /// Gives the connection, with the request that waits on it, to another worker.
  HandOver try_hand_over(const WireExchange& waiting);
  /// Responses the request with 503: no thread was free for it.
  void refuse_waiting(const WireExchange& waiting, std::string_view reason);
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

  Outbox& outbox() noexcept { return outbox_; }     // any thread
  Context& context() noexcept { return context_; }  // any thread
  /// True when other requests are on the connection. Any thread.
  bool has_other_requests() const noexcept { return session_.has_other_requests(); }
  /// True when an exchange that becomes free must be told at once: the connection is to end, here
  /// at least. Any thread.
  bool awaits_responses() const noexcept;

  /// For the session: takes input; a head that is not complete may take its time from now on.
  bool is_open() const noexcept { return state_ == State::open; }
  void restart_head_timeout() noexcept { head_since_ = last_input_; }

  /// For the server: where it keeps the connection.
  std::size_t place() const noexcept { return place_; }
  void set_place(std::size_t place) noexcept { place_ = place; }

 private:
  enum class State : std::uint8_t { open, lingering, closed };

  enum class Wait : std::uint8_t { end, head, body, room };
  struct Deadline {
    Wait wait;
    Clock::time_point end;
  };

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
  void count_time(bool reading);
  void read();
  void wait_for_memory(const char* call);
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

  std::optional<Deadline> next_deadline() const;
  void on_deadline(Wait wait);
  void report_timeout(Wait wait) const;

  Context& context_;
  support::UniqueFd socket_;
  EventLoop::Watch watch_;
  const bool local_;
  std::size_t place_ = 0;
  Outbox outbox_;
  Session session_;

  State state_ = State::open;
  bool silent_ = true;     // no byte has come yet
  bool readable_ = true;   // the socket may hold input: until it has said otherwise
  bool hung_up_ = false;   // an event told that the front has ended its sending side, or more
  bool gone_ = false;      // one told that it takes nothing more either
  bool flushing_ = false;  // room in the socket is waited for
  bool input_ended_ = false;
  bool was_blocked_ = false;  // the last flush left something
  bool watched_ = false;
  bool waits_for_memory_ = false;
  std::optional<Clock::time_point> unread_since_;  // none: it is read from
  const Clock::time_point opened_;
  Clock::time_point head_since_{};
  Clock::time_point last_input_{};
  Clock::time_point last_active_{};
  Clock::time_point last_output_{};
  Clock::time_point linger_until_{};
};

}  // namespace appd::net
