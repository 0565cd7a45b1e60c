// One accepted socket, from accept to close.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/net/caller.hpp"
#include "runtime/net/channel.hpp"
#include "runtime/net/connection_list.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/front_times.hpp"
#include "runtime/net/kept_clients.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/session.hpp"
#include "runtime/net/waiting_connections.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

struct Workspace;

enum class HandOver : std::uint8_t {
  done,        ///< another worker has the connection; this one has forgotten it
  impossible,  ///< the request is not alone, not all in memory, or too large
  nobody,      ///< no worker is idle now
};

/// One accepted socket: reads, writes, waits and closes; its session turns the bytes into requests.
/// Loop's thread only. The server and the exchanges in flight share its ownership.
///
///     open ──┬──► lingering ──┬──► closed
///            └────────────────┘
///
/// While lingering, the response is sent, SHUT_WR is done, and late input is dropped.
class Connection final : public Watcher,
                         public Waiting,
                         public Listed,
                         public KeptClient,
                         public std::enable_shared_from_this<Connection> {
 public:
  using Clock = EventLoop::Clock;

  /// `socket` must be non-blocking. `local` is true for a Unix socket. `client`: the two ends, if
  /// it is a client's or proxied; std::nullopt for a front's.
  Connection(Workspace& workspace, support::UniqueFd socket, bool local,
             std::optional<protocol::HttpEnds> client);

  /// Takes `first` as the connection's first bytes, reads what is there already, and goes on.
  void start(std::string_view first = {});
  /// Gives a waiting request that no pool thread can take, and its connection, to another worker.
  /// Returns `done` also if the request has been given up.
  static HandOver try_hand_over(const WireExchange& waiting);
  /// Refuses such a request with 503, unless it has been given up.
  static void refuse(const WireExchange& waiting, std::string_view reason);
  /// Responds in place of a call that does not return. The request must be on this connection.
  void respond_instead(const WireExchange& running);
  /// True if this request is on the connection. Only the address is compared.
  bool has(const WireExchange* exchange) const noexcept { return session_.has(exchange); }
  /// Something changed off the loop: a response ended, bytes wait to go out, or a body was read.
  void on_notified() { advance(); }
  /// Sends what the outbox holds back.
  void send_held();
  /// The server drains: the connection ends, in this worker at least, as soon as the requests under
  /// way are answered.
  void drain();
  /// Closes the connection, or cuts its bodies, if the front has taken too long. Returns false if
  /// there is nothing left to wait for.
  bool check_deadline(Clock::time_point now) override;
  /// Closes the connection now, whatever runs.
  void close();
  void on_events(std::uint32_t events) override;
  void on_watch_failed(int error) override;

  void try_again() override;
  void on_kept_too_long(bool idle) override;

  /// Since when nothing has been under way on the connection; std::nullopt if something is.
  std::optional<Clock::time_point> idle_since() const noexcept;
  /// Closes the connection to make room for another. Returns false if the front has just sent
  /// something.
  bool try_close_idle();

  const Outbox& outbox() const noexcept { return channel_.outbox(); }

 private:
  Context& context() noexcept { return channel_.context(); }
  const Context& context() const noexcept { return channel_.context(); }

  enum class State : std::uint8_t { open, lingering, closed };

  /// What events have said about the front.
  enum class Front : std::uint8_t {
    sends,
    hung_up,  ///< it has ended its sending side, or more
    gone,     ///< it takes nothing more either
  };
  /// What the last flush has left in the outbox.
  enum class Output : std::uint8_t {
    clear,  ///< nothing
    room,   ///< something, and the socket may have room for it now
    full,   ///< something, and the connection waits for room in the socket
  };
  enum class Transport : std::uint8_t { tcp, local };

  HandOver try_leave_with(const WireExchange& waiting);
  /// Called after every event: does all that can be done now, and waits for the rest. So nothing
  /// has to be resumed, and no outdated reason to wait remains.
  void advance();
  /// The only place that decides whether input is taken now. It is not while a body that the
  /// application will read is full, while the front leaves too much unread, or if the next
  /// generation is to have the input. Nothing of this is stored.
  bool may_read() const noexcept;
  /// Reads a request that is in the socket already, so that this worker serves it, even while the
  /// server hands connections over: there may be no time to hand this one over.
  void read_here();
  void read();
  void wait_for_memory(const char* call);
  void expect_room() noexcept;
  std::size_t most_to_read() const noexcept;
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
  const Caller caller_;
  Channel channel_;
  Session session_;

  State state_ = State::open;
  Front front_ = Front::sends;
  Output output_ = Output::clear;
  bool readable_ = true;  // the socket may hold input; false once it was found empty
  bool watched_ = false;  // for deadlines
  bool starved_ = false;  // to be tried again when the kernel may have memory
  FrontTimes times_;
  Clock::time_point last_active_{};
};

}  // namespace appd::net
