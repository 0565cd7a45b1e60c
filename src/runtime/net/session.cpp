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

void Session::speak_http(protocol::HttpEnds ends) {
  wire_ = protocol::Wire::http;
  decoder_ =
      protocol::make_decoder(wire_, context().options.decoder, workspace_.blocks, std::move(ends));
}

bool Session::feed(std::string_view bytes) {
  if (input_ == Input::wrong_protocol || input_ == Input::over) return false;
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
    if (event.kind == Event::Kind::blocked) {
      wait_with(bytes);
      break;
    }
    head_completed = head_completed || event.kind == Event::Kind::request;
    on_event(event);
    // A file is answered at once: nothing else stops the next request while it goes out.
    if (speaks_http() && !bytes.empty() && channel_.outbox().overloaded() &&
        !live_.any_unreleased()) {
      wait_with(bytes);
      break;
    }
  }
  return head_completed;
}

void Session::wait_with(std::string_view bytes) {
  unread_.assign(bytes);
  channel_.set_request_waits(true);
}

std::string Session::take_input_due() {
  channel_.set_request_waits(false);
  return std::exchange(unread_, {});
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

void Session::end_input() {
  input_ = Input::ended;
  channel_.end();
  for (LiveRequest& live : live_) {
    if (live.awaits_body()) on_body_cut(live, {});
  }
}

// -- Exchanges ------------------------------------------------------------------------------------

LiveRequest& Session::open_exchange(const Event& event) {
  asked_at_ = channel_.outbox().place();
  // One read may bring very many requests that are refused at once.
  if (live_.size() >= context().options.decoder.max_requests) forget_answered();
  std::shared_ptr<WireExchange> exchange = workspace_.exchanges.take();
  exchange->open(channel_.owner(), &channel_, wire_, event);
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
  let_go(live);
}

/// The server itself has answered, perhaps before the body has come.
void Session::let_go(LiveRequest& live) {
  decoder_->release(live.exchange().id());
  live.release();
  end_input_after(live.exchange());
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
        fmt::format("the {} sent no body byte, or too few, within --body-timeout ({} bytes came)",
                    peer(), live.exchange().body().arrived());
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
  if (done == Instead::broken) end_broken_off(live->exchange());
  if (speaks_http()) end_with_this();
  if (!live->released()) decoder_->release(live->exchange().id());
  // Its thread still has the exchange, which can be reused once that thread comes back.
  workspace_.exchanges.give_back(live->take());
  erase_taken();
}

void Session::forget_answered() {
  const bool was_ending = channel_.ending();
  for (LiveRequest& live : live_) {
    if (!live.released() && is_over(live.exchange())) {
      decoder_->release(live.exchange().id());
      live.release();
      end_input_after(live.exchange());
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

/// The next request may begin. Responses to HTTP requests come in order.
bool Session::is_over(const WireExchange& exchange) const noexcept {
  // Looked at before `answered`, which orders less.
  if (speaks_http() && !exchange.is_out() && !exchange.free()) return false;
  return exchange.answered();
}

/// If the client has said so itself, the decoder knows.
void Session::end_input_after(const WireExchange& exchange) noexcept {
  if (!exchange.ends_connection() && !(speaks_http() && exchange.broken_off())) return;
  if (exchange.keeps_connection()) return end_with_this();
  channel_.end();
}

/// The response says that it is the last one: what follows the request is not read.
void Session::end_with_this() noexcept {
  channel_.end();
  if (input_ == Input::open) input_ = Input::over;
}

void Session::end_broken_off(const WireExchange& exchange) noexcept {
  if (exchange.needs_reset()) {
    channel_.end_broken_off();
  } else {
    channel_.end();
  }
}

bool Session::try_refuse_slow_head() {
  if (!speaks_http() || awaits_proxy()) return false;
  refuse(open_exchange({}), 408,
         "the client did not complete the request's head within --header-timeout",
         LogEvent::connection_timeout);
  input_ = Input::over;
  return true;
}

void Session::give_back(LiveRequest& live) {
  WireExchange& exchange = live.exchange();
  if (exchange.broken_off()) end_broken_off(exchange);
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
  std::string bytes(said_by_proxy());
  bytes += protocol::encode_request(wire_, waiting.id(), waiting.keeps_connection(),
                                    waiting.request().sent_variables(), *body);
  bytes += unread_;
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
  return first_bytes_.empty() && unread_.empty() && input_ == Input::open && !channel_.ending() &&
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
  if (input_ == Input::wrong_protocol) return true;
  // What was not read is a request that the client must send again, over another connection.
  return decoder_ && (decoder_->owes_body() || has_input_waiting() || input_ == Input::over);
}

bool Session::is_between_bodies() const noexcept {
  return speaks_http() && !decoder_->owes_body() && !live_.any_awaits_body();
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
