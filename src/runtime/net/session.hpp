// The requests of one connection, without its socket.
#pragma once

#include <atomic>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/decoder.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::net {

class Connection;
struct Context;

/// The requests of one connection: finds out the protocol, feeds a decoder, turns its events into
/// exchanges and looks after these until they are answered. Touches no socket: what goes out goes
/// to the connection's outbox. All members are the loop's, but for those marked "any thread".
class Session {
 public:
  explicit Session(Connection& connection);

  /// Takes bytes that came. May close the connection.
  void feed(std::string_view bytes);
  /// The front ended its sending side: what is complete is answered, the rest is refused or cut.
  void end_input();
  /// Lets go of what is answered.
  void forget_answered();
  /// Spools full bodies where the front must not be kept from writing: it waits for room in its own
  /// direction (`blocked`), or has other requests on this connection.
  void make_way(bool blocked);
  /// No body byte came for too long.
  void cut_stalled_bodies();
  /// Responses a request with 503 that waits for a pool thread, and is not waiting any more.
  void refuse_waiting(const WireExchange& waiting, std::string_view reason);
  /// Responds in the place of a call that does not come back, if the session `has` it.
  void respond_instead(const WireExchange& running);
  /// No requests after those that are here.
  void end_after_responses() noexcept { ending_ = true; }
  /// The connection is closed: gives up what has not begun, tells the rest.
  void abandon();
  /// All that the connection has brought, if it is `waiting` alone: whole, in memory, its body not
  /// larger than peers take.
  std::optional<std::string> try_reencode(const WireExchange& waiting) const;
  /// Another worker has it all now.
  void forget();

  bool has_exchanges() const noexcept { return !live_.empty(); }
  bool has(const WireExchange* exchange) const noexcept;
  /// Another session would go on with the connection just as this one.
  bool holds_nothing() const noexcept;
  /// What is under way is answered, by calls that are not quite over, and nothing else has begun.
  bool is_finishing() const noexcept;
  /// Bytes of a request's head are in, and it is not complete.
  bool inside_head() const noexcept;
  /// The front is due to send body bytes.
  bool awaits_body() const noexcept;
  /// A body that somebody will read is full: the front is to wait. Asked after `make_way`.
  bool has_full_body() const noexcept;
  /// Where the outbox was when the front last asked for something.
  Outbox::Place asked_at() const noexcept { return asked_at_; }
  /// Bytes may come that nobody needs; to be read and dropped before closing.
  bool owes_input() const noexcept;
  /// A response of uwsgi or SCGI was broken off.
  bool broken_off() const noexcept { return broken_off_; }
  /// For logs: "FastCGI", or "new" while it is not known.
  std::string_view protocol_name() const noexcept;
  /// For logs: the request line of what is in flight, or "".
  std::string describe_request() const;

  /// The connection is to be closed once all is answered. Any thread.
  bool ending() const noexcept { return ending_.load(); }
  /// There are several unanswered requests on the connection. Any thread.
  bool has_other_requests() const noexcept {
    return in_flight_.load(std::memory_order_relaxed) > 1;
  }

 private:
  struct Live {
    std::shared_ptr<WireExchange> exchange;
    bool body_open = true;  // the front still owes body bytes
    bool released = false;  // the decoder has forgotten its id

    /// The front waits for the application to read.
    bool holds_front() const noexcept {
      return body_open && !released && !exchange->answered() && !exchange->free() &&
             exchange->body().full();
    }
  };

  bool choose_protocol(std::string_view& bytes);
  void refuse_foreign(protocol::Sniffed::Kind found);

  void on_event(const protocol::Event& event);
  void on_request(const protocol::Event& event);
  void tell_of_override(const Live& live, std::string_view name);
  void on_body(const protocol::Event& event);
  void on_body_end(const protocol::Event& event);
  void on_body_cut(Live& live);
  void on_aborted(const protocol::Event& event);
  void on_reply(const protocol::Event& event);
  void on_refused(const protocol::Event& event);
  void on_fatal(const protocol::Event& event);

  Live& open_exchange(const protocol::Event& event);
  Live* find(protocol::RequestId id) noexcept;
  void submit(Live& live);
  void refuse(Live& live, unsigned status, std::string_view reason);
  void refuse(Live& live, unsigned status, std::string_view reason, gateway::LogEvent event);
  void count_in_flight() noexcept;
  bool has_begun_nothing() const noexcept;
  void give_back(Live& live);
  void report(gateway::LogEvent event, const Live& live, std::string_view what) const;

  Connection& connection_;
  Context& context_;
  std::atomic<unsigned> in_flight_{0};
  std::atomic<bool> ending_{false};

  std::string first_bytes_;  // until the protocol is known
  std::unique_ptr<protocol::Decoder> decoder_;
  protocol::Wire wire_ = protocol::Wire::fastcgi;
  bool foreign_ = false;  // HTTP or TLS was answered
  bool input_ended_ = false;
  bool broken_off_ = false;
  Outbox::Place asked_at_ = 0;
  boost::container::small_vector<Live, 1> live_;
};

}  // namespace appd::net
