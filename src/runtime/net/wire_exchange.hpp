// The exchange of a request that came over a connection.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "protocol/response_framer.hpp"
#include "runtime/files/file_answer.hpp"
#include "runtime/gateway/exchange.hpp"
#include "runtime/gateway/progress.hpp"
#include "runtime/net/body_pipe.hpp"
#include "runtime/net/error_stream.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/outgoing_head.hpp"
#include "runtime/net/request_record.hpp"
#include "runtime/net/request_state.hpp"
#include "runtime/net/stream_pace.hpp"

namespace appd::net {

class Channel;
class Connection;
class Dispatcher;

/// One request on a connection, and its response. ExchangePool lends it to the connection; a pool
/// thread gets it when the request is complete enough to run.
///
/// RequestState says how far the request is, who ends its response, and whether its front is still
/// there.
class WireExchange final : public gateway::Exchange,
                           public std::enable_shared_from_this<WireExchange> {
 public:
  using Clock = std::chrono::steady_clock;

  WireExchange() = default;

  // -- Loop's thread

  /// Starts the new request that `event` tells of on `connection`, with that connection's channel.
  /// The caller fills in the request's variables.
  void open(std::shared_ptr<Connection> connection, Channel* channel, protocol::Wire wire,
            const protocol::Event& event);
  gateway::Request& mutable_request() noexcept { return request_; }
  BodyPipe& body() noexcept { return body_; }
  protocol::RequestId id() const noexcept { return wire_.id; }
  bool keeps_connection() const noexcept { return wire_.keeps_connection; }
  /// The request waits for a pool thread from `now` on.
  void set_queued(Clock::time_point now) noexcept;
  /// Since when the request is queued. For any thread that has it from the queue.
  Clock::time_point queued_since() const noexcept { return times_.queued(); }
  /// The connection that has the request, while no pool thread can take it; null once the request
  /// was given up.
  std::shared_ptr<Connection> owner() const noexcept { return free() ? nullptr : connection_; }
  /// Takes back a request that no pool thread has begun. Returns false if one has.
  bool try_give_up() noexcept { return state_.try_give_up(); }
  /// The connection is gone: nothing more is sent, and a reader of the body is woken. The caller
  /// wakes the outbox's writers. Returns true if the request was not begun: it is then given up.
  bool on_front_gone() noexcept;
  /// The same because the front wants no more of the request. Returns true if the caller must end
  /// the response.
  bool on_aborted() noexcept;
  /// True once the response has its end, or will have none: the id may be used again.
  bool answered() const noexcept { return state_.ended(); }
  /// True once the connection may go on with a further request: all of the response is in the
  /// outbox. Only HTTP has to wait for this; the records of FastCGI's requests may be mixed.
  bool is_out() const noexcept { return state_.is_out(); }
  /// True if the response's head says that the connection ends; known once `answered`.
  bool ends_connection() const noexcept { return !wire_.framer.keeps_connection(); }
  /// True if a response that was broken off looks complete, unless the connection is reset.
  bool needs_reset() const noexcept { return !wire_.framer.shows_its_end(); }
  /// True once no pool thread will touch the exchange again.
  bool free() const noexcept { return state_.free(); }
  bool waits_for_body() const noexcept { return state_.is_arriving(); }
  /// True if the connection must be closed after this response; known once `free`.
  bool broken_off() const noexcept { return state_.end() == RequestState::End::broken; }
  enum class Instead : std::uint8_t {
    no,        ///< the call has just ended the response itself
    answered,  ///< with 504
    broken,    ///< the head was out: the response was broken off, and the connection must be closed
    ended,     ///< the same, but the connection goes on for its other requests
  };
  /// Responds in place of a call that does not return. What the call sends from now on goes
  /// nowhere, and its thread may still come back.
  Instead try_respond_instead();
  /// Gives back what the request held. Only when `free` or given up.
  void reset() noexcept;
  /// Sends a static file, or says why not, in the application's place.
  void respond(files::FileAnswer answer);
  /// Sends a complete small response of the server's own.
  void refuse(unsigned status, std::string_view reason, std::string_view retry_after = {});

  // -- Pool thread

  /// Before the call. Returns false if the request was given up meanwhile: it must not run.
  /// `progress` is told how the call goes until `finish`; null if nobody wants to know.
  bool try_start(Clock::time_point now, gateway::Progress* progress = nullptr) noexcept;
  /// After the call: reports it and lets go of the connection. The exchange may be reused at once.
  void finish() noexcept;
  Clock::time_point started() const noexcept { return times_.started(); }
  /// True if the front went away before the response was complete.
  bool front_lost() const noexcept { return state_.front_lost(); }

  const gateway::Request& request() const noexcept override { return request_; }
  gateway::BodyRead try_read_body(std::span<char> into) noexcept override;
  void wait_body() noexcept override;
  gateway::Sent send(const gateway::ResponseHead* head, std::span<const std::string_view> pieces,
                     gateway::End end, gateway::Keeper* keeper) noexcept override;
  gateway::SendStatus send_file(const gateway::ResponseHead* head,
                                gateway::FileRange range) noexcept override;
  void wait_room() noexcept override;
  bool head_sent() const noexcept override { return head_.taken(); }
  void break_off() noexcept override;
  void send_error_text(std::string_view text) noexcept override;
  bool front_gone() const noexcept override { return state_.front_gone(); }

 private:
  void report_given_up() noexcept;
  void take_head(const gateway::ResponseHead& head);
  protocol::HttpHeadFacts http_facts() const;
  void ask_for_body();
  void set_out() noexcept;
  bool try_end(RequestState::End how = RequestState::End::complete) noexcept;
  /// What comes after the pieces of a `write`.
  enum class Rest : std::uint8_t { body, small_file, file, nothing };
  static Rest rest_of(const gateway::FileRange& range) noexcept;
  gateway::SendStatus write(std::span<const std::string_view> pieces, Rest rest,
                            gateway::Keeper* keeper);
  gateway::Sent send_block(std::span<const std::string_view> pieces, std::size_t size);
  gateway::SendStatus put(gateway::Keeper* keeper, const RequestState& request,
                          Outbox::Urgency urgency);
  template <typename Wait>
  void wait_for_front(Wait wait) noexcept;
  void add_body_bytes(std::uint64_t more) noexcept;
  void report_access() noexcept;
  void report_access(unsigned status, std::uint64_t body_bytes) const noexcept;
  Dispatcher& dispatcher() const noexcept;
  bool try_send_internal(const gateway::ResponseHead& head);
  void send_answer(files::FileAnswer answer);
  void send_parts(files::FileAnswer answer);
  bool queue_file(gateway::FileRange range, gateway::End end, Outbox::FileTold told);
  std::shared_ptr<FilesRecord> make_files_record();

  /// What the front's protocol says of the request.
  struct OnWire {
    protocol::Wire protocol = protocol::Wire::fastcgi;
    protocol::RequestId id = 0;
    bool keeps_connection = false;
    protocol::HttpTerms http;
    bool continue_due = false;        // until the client was asked for its body
    protocol::ResponseFramer framer;  // changed with the head, by the thread that responds
  };

  // Set by the loop while arriving, read by the pool thread while running.
  std::shared_ptr<Connection> connection_;  // let go of by the pool thread
  Channel* channel_ = nullptr;              // the connection's
  gateway::Request request_;
  OnWire wire_;

  // Shared.
  RequestState state_;
  RequestTimes times_;
  std::atomic<std::uint64_t> body_bytes_{0};
  BodyPipe body_;

  // The thread that responds: the pool thread while running, else the loop's.
  gateway::Progress* progress_ = nullptr;
  OutgoingHead head_;
  ErrorStream errors_;
  protocol::Gather gather_;
  std::vector<std::string_view> taken_;
  StreamPace pace_;
  bool reported_by_files_ = false;  // the access log's line is written when the files are out
};

}  // namespace appd::net
