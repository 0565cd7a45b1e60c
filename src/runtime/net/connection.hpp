#pragma once

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decoder.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::net {

class Server;

/// One accepted socket: feeds its bytes to a decoder, turns the events into exchanges, and ends
/// when the protocol, the front or a timeout says so. All members are the loop's, but for those
/// marked "any thread". The server and the exchanges in flight share its ownership.
///
///     open ──► lingering ──► closed       lingering: answer sent, SHUT_WR done, late input dropped
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `local`: a Unix socket.
  Connection(Server& server, boost::asio::posix::stream_descriptor socket, bool local);

  /// Reads what is there already and goes on from it.
  void start();
  /// Something changed off the loop: an answer ended, bytes wait to go out, a body was read.
  void attend();
  /// No further requests: closes as soon as what runs is answered.
  void drain();
  /// Closes what has waited for the front for too long. False: it waits for nothing any more.
  bool check_deadline(Clock::time_point now);
  /// Ends it now, whatever runs.
  void close();

  Outbox& outbox() noexcept { return outbox_; }  // any thread
  Server& server() noexcept { return server_; }  // any thread
  /// True when other requests are on the connection. Any thread.
  bool has_siblings() const noexcept { return in_flight_.load(std::memory_order_relaxed) > 1; }
  /// True when an exchange that becomes free must be told with `attend`: reading is paused, or the
  /// connection is to end. Any thread.
  bool awaits_answers() const noexcept { return paused_.load() || close_when_answered_.load(); }
  bool local() const noexcept { return local_; }

 private:
  enum class State : std::uint8_t { open, lingering, closed };

  struct Live {
    std::shared_ptr<WireExchange> exchange;
    bool body_open = true;  // the front still owes body bytes
    bool released = false;  // the decoder has forgotten its id
    bool spooling = false;
  };

  // Input
  void wait_readable();
  void on_readable();
  void on_input(std::string_view bytes);
  void feed(std::string_view bytes);
  bool choose_protocol(std::string_view& bytes);
  void refuse_foreign(protocol::Sniffed found);
  void on_event(const protocol::Event& event);
  void on_request(const protocol::Event& event);
  void warn_of_short_length(const gateway::Request& request);
  void on_body(const protocol::Event& event);
  void on_body_end(const protocol::Event& event);
  void on_body_cut(const protocol::Event& event);
  void on_aborted(const protocol::Event& event);
  void on_refused(const protocol::Event& event);
  void on_fatal(const protocol::Event& event);
  void on_end_of_input();
  void on_lost(int error);

  // Requests
  Live& open_exchange(const protocol::Event& event);
  Live* find(protocol::RequestId id) noexcept;
  void submit(Live& live);
  void refuse(Live& live, unsigned status, std::string_view reason);
  void pause_or_spool(Live& live);
  void spool_unread_bodies();
  void release_answered();
  void forget_free();

  // Output and end
  void settle();
  void flush();
  void wait_writable();
  void end_or_linger();
  void end_with_reset();
  std::optional<Clock::time_point> deadline() const;
  void on_deadline();
  void cut_stalled_bodies();
  bool busy() const noexcept { return !live_.empty() || outbox_.blocked(); }
  bool inside_head() const noexcept;
  bool awaits_body() const noexcept;

  Server& server_;
  boost::asio::posix::stream_descriptor socket_;
  const bool local_;
  Outbox outbox_;
  std::atomic<unsigned> in_flight_{0};
  std::atomic<bool> paused_{false};               // a body that nobody reads: no input is taken
  std::atomic<bool> close_when_answered_{false};  // nothing comes after what is in flight

  State state_ = State::open;
  bool silent_ = true;     // no byte has come yet
  bool reading_ = false;   // a wait for input is pending
  bool flushing_ = false;  // a wait for room is pending
  bool input_ended_ = false;
  bool reset_ = false;        // an answer of uwsgi or SCGI was broken off
  bool foreign_ = false;      // HTTP or TLS was answered
  bool was_blocked_ = false;  // the last flush left something
  bool watched_ = false;
  std::string first_bytes_;  // until the protocol is known
  std::unique_ptr<protocol::Decoder> decoder_;
  protocol::Wire wire_ = protocol::Wire::fastcgi;
  std::vector<Live> live_;
  const Clock::time_point opened_;
  Clock::time_point head_since_{};
  Clock::time_point last_input_{};
  Clock::time_point last_output_{};
  Clock::time_point linger_until_{};
};

}  // namespace appd::net
