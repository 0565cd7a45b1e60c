// The requests of one connection, without its socket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/decoder.hpp"
#include "protocol/http_decoder.hpp"
#include "runtime/net/channel.hpp"
#include "runtime/net/first_bytes.hpp"
#include "runtime/net/live_requests.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::net {

struct Workspace;

/// The requests of one connection: finds out the protocol, feeds a decoder, turns its events into
/// exchanges and looks after these until they are answered. Touches no socket: output goes to the
/// channel's outbox. Loop's thread only.
class Session {
 public:
  /// Both must outlive the session.
  Session(Channel& channel, Workspace& workspace) noexcept
      : channel_(channel), workspace_(workspace) {}
  /// The peer is a client that speaks HTTP, and not a front. Call it before anything else.
  void speak_http(protocol::HttpEnds ends);

  /// Takes bytes that came. Returns true if they completed a request's head. The session may have
  /// `failed` afterwards.
  bool feed(std::string_view bytes);
  /// Input that came too early can be fed now: a further request, whose predecessor is answered.
  bool has_input_due() const noexcept { return !unread_.empty() && !live_.any_unreleased(); }
  std::string take_input_due();
  /// The front ended its sending side: complete requests are answered, others are refused or cut.
  void end_input();
  /// Lets go of requests that are answered.
  void forget_answered();
  /// Spools full bodies if the front must not be kept from writing: because output to it is
  /// `blocked`, or because it has other requests on this connection.
  void make_way(bool blocked);
  /// A head takes too long. Returns false if nothing can be answered: the connection is to be
  /// closed.
  bool try_refuse_slow_head();
  /// No body byte has come for too long: the bodies that are due are cut, or their requests
  /// refused.
  void cut_stalled_bodies();
  /// Refuses with 503 a request that waited for a pool thread.
  void refuse_waiting(const WireExchange& waiting, std::string_view reason);
  /// Responds in place of a call that does not return, if the session `has` its request.
  void respond_instead(const WireExchange& running);
  /// The connection is to end after the requests that are here.
  void end_after_responses() noexcept { channel_.end(); }
  /// The connection is closed: gives up requests that have not begun, and tells the others.
  void abandon();
  /// All that the connection has brought, encoded anew. std::nullopt if that is more than the
  /// request `waiting`, or if the request is not whole, not all in memory or too large for peers.
  std::optional<std::string> try_reencode(const WireExchange& waiting) const;
  /// Another worker has all of it now.
  void forget();

  /// True if the connection must be closed at once: its input is not understood, and nothing can
  /// follow.
  bool failed() const noexcept { return input_ == Input::failed; }
  /// True while input waits that came too early: nothing more should be read.
  bool has_input_waiting() const noexcept { return !unread_.empty(); }
  /// True if what comes next may be a further request, which would have to wait here.
  bool is_between_bodies() const noexcept;
  bool speaks_http() const noexcept { return wire_ == protocol::Wire::http; }
  /// For logs: what the peer is.
  std::string_view peer() const noexcept { return speaks_http() ? "client" : "front"; }
  /// True once the front has ended its sending side.
  bool input_ended() const noexcept { return input_ == Input::ended; }
  bool has_exchanges() const noexcept { return !live_.empty(); }
  /// Only the address is compared.
  bool has(const WireExchange* exchange) const noexcept { return live_.has(exchange); }
  /// True if another session could go on with the connection just as well as this one.
  bool holds_nothing() const noexcept;
  /// True if all that is under way is answered, by calls that are not quite over, and nothing else
  /// has begun.
  bool is_finishing() const noexcept;
  /// True if a request's head has begun and is not complete.
  bool inside_head() const noexcept;
  /// The same of the PROXY protocol's header.
  bool awaits_proxy() const noexcept { return decoder_ && decoder_->awaits_proxy(); }
  /// What another session must be fed first: the PROXY protocol's header; "" if none has come.
  std::string_view said_by_proxy() const noexcept {
    return decoder_ ? decoder_->said_by_proxy() : std::string_view();
  }
  /// True if the front is due to send body bytes.
  bool awaits_body() const noexcept;
  /// True if a body that somebody will read is full: the front must wait. Ask after `make_way`.
  bool has_full_body() const noexcept;
  /// The outbox's place when the front last asked for something.
  Outbox::Place asked_at() const noexcept { return asked_at_; }
  /// True if bytes may come that nobody needs; they must be read and dropped before closing.
  bool owes_input() const noexcept;
  /// For logs: "FastCGI", or "new" while it is not known.
  std::string_view protocol_name() const noexcept;
  /// For logs: the request line of the oldest request in flight; "" if there is none.
  std::string describe_request() const;

 private:
  Context& context() const noexcept { return channel_.context(); }

  enum class Input : std::uint8_t {
    open,
    wrong_protocol,  ///< HTTP or TLS, which was answered
    over,            ///< a response has said that the connection ends: no further request counts
    ended,           ///< the front has ended its sending side
    failed,
  };

  void wait_with(std::string_view bytes);
  bool choose_protocol(std::string_view bytes);
  void refuse_wrong_protocol(protocol::Sniffed::Kind found);

  void on_event(const protocol::Event& event);
  void on_request(const protocol::Event& event);
  void tell_of_override(const LiveRequest& live, std::string_view name);
  void on_body(const protocol::Event& event);
  void on_body_end(const protocol::Event& event);
  void on_body_cut(LiveRequest& live, std::string text);
  void on_aborted(const protocol::Event& event);
  void on_reply(const protocol::Event& event);
  void on_refused(const protocol::Event& event);
  void on_fatal(const protocol::Event& event);

  LiveRequest& open_exchange(const protocol::Event& event);
  bool try_answer_file(LiveRequest& live);
  void answer_for_server(LiveRequest& live);
  void answer_here(LiveRequest& live, files::FileAnswer answer);
  void let_go(LiveRequest& live);
  void submit(LiveRequest& live);
  void refuse(LiveRequest& live, unsigned status, std::string_view reason);
  void refuse(LiveRequest& live, unsigned status, std::string_view reason, gateway::LogEvent event);
  bool is_over(const WireExchange& exchange) const noexcept;
  void erase_taken() noexcept;
  bool has_begun_nothing() const noexcept;
  void end_broken_off(const WireExchange& exchange) noexcept;
  void end_input_after(const WireExchange& exchange) noexcept;
  void end_with_this() noexcept;
  void give_back(LiveRequest& live);
  void report(gateway::LogEvent event, const LiveRequest& live, std::string_view what) const;

  Channel& channel_;
  Workspace& workspace_;

  FirstBytes first_bytes_;
  std::unique_ptr<protocol::Decoder> decoder_;  // null until the protocol is known
  protocol::Wire wire_ = protocol::Wire::fastcgi;
  Input input_ = Input::open;
  Outbox::Place asked_at_ = 0;
  std::string unread_;
  LiveRequests live_;
};

}  // namespace appd::net
