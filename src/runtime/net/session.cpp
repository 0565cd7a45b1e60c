// Turns a decoder's events into exchanges, and their responses into bytes.

#include "runtime/net/session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/make_decoder.hpp"
#include "protocol/request_encoder.hpp"
#include "runtime/gateway/reason_phrase.hpp"
#include "runtime/gateway/request_text.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/workspace.hpp"
#include "runtime/net/wrong_protocol_reply.hpp"

namespace appd::net {
namespace {

using gateway::LogEvent;
using protocol::Event;

LogEvent event_of(unsigned refusal) noexcept {
  switch (refusal) {
    case 408:
      return LogEvent::body_timeout;
    case 413:
    case 431:
      return LogEvent::request_too_large;
    case 500:
      return LogEvent::body_refused;
    case 503:
      return LogEvent::queue_full;
    default:
      return LogEvent::request_bad;
  }
}

}  // namespace

// -- Input ----------------------------------------------------------------------------------------

bool Session::feed(std::string_view bytes) {
  if (input_ == Input::wrong_protocol) return false;
  forget_answered();
  std::string kept;
  if (!decoder_) {
    if (!choose_protocol(bytes)) return false;
    kept = first_bytes_.take();
    if (!kept.empty()) bytes = kept;
  }
  bool head_completed = false;
  while (input_ == Input::open) {
    const Event event = decoder_->next(bytes);
    if (event.kind == Event::Kind::starved) break;
    head_completed = head_completed || event.kind == Event::Kind::request;
    on_event(event);
  }
  return head_completed;
}

bool Session::choose_protocol(std::string_view bytes) {
  const protocol::Sniffed found = first_bytes_.look(bytes);
  using Kind = protocol::Sniffed::Kind;
  if (found.kind == Kind::undecided) return false;
  const std::optional<protocol::Wire> pinned = context().options.pinned;
  const bool wrong_protocol = found.kind == Kind::http || found.kind == Kind::tls ||
                              (!pinned && found.kind == Kind::unknown);
  if (wrong_protocol) {
    refuse_wrong_protocol(found.kind);
    return false;
  }
  wire_ = pinned.value_or(found.wire);
  decoder_ = protocol::make_decoder(wire_, context().options.decoder, workspace_.blocks);
  return true;
}

void Session::refuse_wrong_protocol(protocol::Sniffed::Kind found) {
  if (found == protocol::Sniffed::Kind::unknown) {
    context().reporter.report(
        LogEvent::connection_unknown_protocol,
        "a connection was closed: its first bytes are not FastCGI, uwsgi or SCGI");
    input_ = Input::failed;
    return;
  }
  const std::string advice = wrong_protocol_advice(found, context().options.pinned);
  context().reporter.report(LogEvent::connection_wrong_protocol,
                            "a request was refused with 400: " + advice);
  channel_.outbox().write_always(wrong_protocol_reply(advice));
  first_bytes_.take();
  input_ = Input::wrong_protocol;
  channel_.end();
}

void Session::on_event(const Event& event) {
  switch (event.kind) {
    case Event::Kind::starved:
      break;
    case Event::Kind::request:
      on_request(event);
      break;
    case Event::Kind::body:
      on_body(event);
      break;
    case Event::Kind::body_end:
      on_body_end(event);
      break;
    case Event::Kind::body_cut:
      if (LiveRequest* live = live_.find(event.id)) on_body_cut(*live);
      break;
    case Event::Kind::aborted:
      on_aborted(event);
      break;
    case Event::Kind::reply:
      on_reply(event);
      break;
    case Event::Kind::refused:
      on_refused(event);
      break;
    case Event::Kind::fatal:
      on_fatal(event);
      break;
  }
}

void Session::on_request(const Event& event) {
  LiveRequest& live = open_exchange(event);
  WireExchange& exchange = live.exchange();
  gateway::Request& request = exchange.mutable_request();
  decoder_->take_variables(event.id, request.block());
  const ServerOptions& options = context().options;
  const gateway::BodyEnd body_end =
      wire_ == protocol::Wire::fastcgi ? gateway::BodyEnd::on_wire : gateway::BodyEnd::by_length;
  if (const auto refusal = request.prepare(options.environ, body_end, workspace_.layouts)) {
    refuse(live, refusal->status, refusal->reason);
    return;
  }
  for (const std::string_view name : request.overridden()) tell_of_override(live, name);
  const std::optional<std::uint64_t> length = request.content_length();
  if (options.max_body > 0 && length && *length > options.max_body) {
    refuse(live, 413,
           fmt::format("the body of {} bytes is larger than --max-body {}", *length,
                       options.max_body));
    return;
  }
  exchange.body().open(options.body_buffer,
                       options.spool_bodies || !length ? Overflow::spool : Overflow::pause,
                       options.spool_dir, options.spool_quota);
  decoder_->expect_body(event.id, length);
}

/// Logs a name once: the front is configured that way, so each of its requests repeats it.
void Session::tell_of_override(const LiveRequest& live, std::string_view name) {
  if (!workspace_.told_names.is_new(name)) return;
  context().reporter.report(
      LogEvent::request_variable_repeated,
      gateway::message_about(
          live.exchange().request(),
          fmt::format(
              "the front sends {} twice, with different values: the last one counts (logged "
              "once per worker)",
              name)));
}

void Session::on_body(const Event& event) {
  LiveRequest* live = live_.find(event.id);
  if (live == nullptr || live->exchange().answered()) return;  // nobody will read it
  BodyPipe& body = live->exchange().body();
  const bool has_room = body.append(event.bytes);
  const bool waiting = live->exchange().waits_for_body();
  const ServerOptions& options = context().options;
  if (waiting && options.max_body > 0 && body.arrived() > options.max_body) {
    refuse(*live, 413, fmt::format("the body is larger than --max-body {}", options.max_body));
    return;
  }
  if (const std::string error = body.take_error(); !error.empty()) {
    if (waiting && body.over_quota()) {
      refuse(*live, 503, error, LogEvent::body_refused);
      return;
    }
    report(LogEvent::body_not_stored, *live, error);
    if (waiting) {
      refuse(*live, 500, "the request's body could not be stored");
      return;
    }
  }
  if (!has_room && waiting) submit(*live);
}

void Session::on_body_end(const Event& event) {
  LiveRequest* live = live_.find(event.id);
  if (live == nullptr) return;
  live->end_body();
  BodyPipe& body = live->exchange().body();
  body.end();
  if (!live->exchange().waits_for_body()) return;
  gateway::Request& request = live->exchange().mutable_request();
  if (!request.content_length()) request.set_content_length(body.arrived());
  submit(*live);
}

void Session::on_body_cut(LiveRequest& live) {
  live.end_body();
  const std::string text =
      fmt::format("the front ended the body after {} of {} bytes", live.exchange().body().arrived(),
                  live.exchange().request().content_length().value_or(0));
  if (live.exchange().waits_for_body()) {
    refuse(live, 400, text);
    return;
  }
  report(LogEvent::body_cut, live, text);
  live.exchange().body().cut();
}

void Session::on_aborted(const Event& event) {
  LiveRequest* live = live_.find(event.id);
  if (live == nullptr) return;
  live->release();
  report(LogEvent::request_aborted, *live, "aborted by the front");
  const bool ends_here = live->exchange().on_aborted();
  channel_.outbox().wake();
  if (!ends_here) return;
  protocol::Gather end;
  protocol::ResponseFramer(wire_, event.id).frame_break(protocol::Break::end_and_keep, end);
  channel_.outbox().write(end.parts(), nullptr, kNeverCancelled);
}

void Session::on_reply(const Event& event) {
  asked_at_ = channel_.outbox().place();
  channel_.outbox().write_always(event.bytes);
  if (!event.keep_connection) channel_.end();
}

void Session::on_refused(const Event& event) {
  refuse(open_exchange(event), event.status, event.detail);
}

void Session::on_fatal(const Event& event) {
  context().reporter.report(
      LogEvent::connection_malformed,
      fmt::format("a {} connection was closed: {}", protocol_name(), event.detail));
  input_ = Input::failed;
}

void Session::end_input() {
  input_ = Input::ended;
  channel_.end();
  for (LiveRequest& live : live_) {
    if (live.awaits_body()) on_body_cut(live);
  }
}

// -- Exchanges ------------------------------------------------------------------------------------

LiveRequest& Session::open_exchange(const Event& event) {
  asked_at_ = channel_.outbox().place();
  // One read may bring very many requests that are refused at once.
  if (live_.size() >= context().options.decoder.max_requests) forget_answered();
  std::shared_ptr<WireExchange> exchange = workspace_.exchanges.take();
  exchange->open(channel_.owner(), &channel_, wire_, event.id, event.keep_connection);
  if (!event.keep_connection) channel_.end();
  LiveRequest& live = live_.add(std::move(exchange));
  channel_.set_in_flight(live_.unanswered());
  return live;
}

void Session::submit(LiveRequest& live) {
  live.exchange().set_queued(context().loop.now());
  if (context().dispatcher.submit(live.shared())) return;
  refuse(live, 503, "every thread is busy and the queue (--queue) is full");
}

void Session::refuse(LiveRequest& live, unsigned status, std::string_view reason) {
  refuse(live, status, reason, event_of(status));
}

void Session::refuse(LiveRequest& live, unsigned status, std::string_view reason, LogEvent event) {
  report(event, live,
         fmt::format("answered with {} {} over {}: {}", status, gateway::reason_phrase(status),
                     protocol_name(), reason));
  const std::string retry_after =
      status == 503 ? fmt::format("{}", context().options.retry_after.count()) : std::string();
  live.exchange().refuse(status, reason, retry_after);
  decoder_->release(live.exchange().id());
  live.release();
}

void Session::make_way(bool blocked) {
  if (!blocked && !channel_.has_other_requests()) return;
  for (LiveRequest& live : live_) {
    if (live.holds_front()) live.exchange().body().start_spooling();
  }
}

void Session::cut_stalled_bodies() {
  channel_.end();
  for (LiveRequest& live : live_) {
    if (!live.awaits_body()) continue;
    const std::string text =
        fmt::format("the front sent no body byte for --body-timeout ({} bytes came)",
                    live.exchange().body().arrived());
    if (live.exchange().waits_for_body()) {
      refuse(live, 408, text);
    } else {
      report(LogEvent::body_timeout, live, text);
      live.exchange().body().cut();
      live.end_body();
    }
  }
}

void Session::refuse_waiting(const WireExchange& waiting, std::string_view reason) {
  if (LiveRequest* live = live_.find(&waiting)) refuse(*live, 503, reason, LogEvent::queue_timeout);
}

void Session::respond_instead(const WireExchange& running) {
  LiveRequest* live = live_.find(&running);
  if (live == nullptr) return;
  using Instead = WireExchange::Instead;
  const Instead done = live->exchange().try_respond_instead();
  if (done == Instead::no) return;
  if (done == Instead::broken) end_broken_off();
  if (!live->released()) decoder_->release(live->exchange().id());
  // Its thread still has the exchange, which can be reused once that thread comes back.
  workspace_.exchanges.give_back(live->take());
  erase_taken();
}

void Session::forget_answered() {
  const bool was_ending = channel_.ending();
  for (LiveRequest& live : live_) {
    if (!live.released() && live.exchange().answered()) {
      decoder_->release(live.exchange().id());
      live.release();
    }
    if (live.released() && live.exchange().free()) give_back(live);
  }
  erase_taken();
  // A call that came back meanwhile did not know of this end, so it does not wake the loop.
  if (!was_ending && channel_.ending()) forget_answered();
}

void Session::erase_taken() noexcept {
  live_.erase_taken();
  channel_.set_in_flight(live_.unanswered());
}

/// Over FastCGI a plain close tells the front enough.
void Session::end_broken_off() noexcept {
  if (wire_ == protocol::Wire::fastcgi) {
    channel_.end();
  } else {
    channel_.end_broken_off();
  }
}

void Session::give_back(LiveRequest& live) {
  WireExchange& exchange = live.exchange();
  if (exchange.broken_off()) end_broken_off();
  exchange.reset();
  workspace_.exchanges.give_back(live.take());
}

void Session::abandon() {
  for (LiveRequest& live : live_) {
    // An exchange that a thread has is reset when it is lent again; the thread closes its body.
    if (live.exchange().on_front_gone() || live.exchange().free()) live.exchange().reset();
    workspace_.exchanges.give_back(live.take());
  }
  erase_taken();
}

std::optional<std::string> Session::try_reencode(const WireExchange& waiting) const {
  const bool alone = live_.size() == 1 && live_.front().shared().get() == &waiting;
  if (!alone || live_.front().released() || input_ended()) return std::nullopt;
  // The bytes of this request do not tell that an earlier one was to be the last.
  if (channel_.ending() && waiting.keeps_connection()) return std::nullopt;
  if (!decoder_->holds_only(waiting.id())) return std::nullopt;
  const BodyPipe& pipe = live_.front().exchange().body();
  if (pipe.arrived() > Peers::kMostBytes) return std::nullopt;  // no copy at each try
  const auto body = pipe.try_copy();
  if (!body) return std::nullopt;
  std::string bytes = protocol::encode_request(wire_, waiting.id(), waiting.keeps_connection(),
                                               waiting.request().sent_variables(), *body);
  if (bytes.size() > Peers::kMostBytes) return std::nullopt;
  return bytes;
}

void Session::forget() {
  for (LiveRequest& live : live_) {
    live.exchange().try_give_up();
    live.exchange().reset();
    workspace_.exchanges.give_back(live.take());
  }
  erase_taken();
}

// -- Queries --------------------------------------------------------------------------------------

bool Session::holds_nothing() const noexcept {
  return live_.empty() && has_begun_nothing();
}

bool Session::is_finishing() const noexcept {
  return !live_.empty() && has_begun_nothing() && live_.all_finishing();
}

bool Session::has_begun_nothing() const noexcept {
  return first_bytes_.empty() && input_ == Input::open && !channel_.ending() &&
         (!decoder_ || decoder_->holds_nothing());
}

bool Session::inside_head() const noexcept {
  if (input_ended()) return false;
  return !first_bytes_.empty() || (decoder_ && decoder_->inside_head());
}

bool Session::awaits_body() const noexcept {
  if (input_ended() || !decoder_) return false;
  return decoder_->owes_body() || live_.any_awaits_body();
}

bool Session::has_full_body() const noexcept {
  return live_.any_holds_front();
}

bool Session::owes_input() const noexcept {
  if (input_ended()) return false;
  return decoder_ ? decoder_->owes_body() : input_ == Input::wrong_protocol;
}

std::string_view Session::protocol_name() const noexcept {
  return decoder_ ? protocol::name(wire_) : "new";
}

std::string Session::describe_request() const {
  return live_.empty() ? std::string() : gateway::request_text(live_.front().exchange().request());
}

void Session::report(LogEvent event, const LiveRequest& live, std::string_view what) const {
  if (!context().reporter.wants(event)) return;
  context().reporter.report(event, gateway::message_about(live.exchange().request(), what));
}

}  // namespace appd::net
