// What a session does with each event of its decoder.

#include <fmt/format.h>

#include <cstring>
#include <ctime>

#include "runtime/gateway/request_text.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/session.hpp"
#include "runtime/net/workspace.hpp"

namespace appd::net {

using gateway::LogEvent;
using protocol::Event;

void Session::on_event(const Event& event) {
  switch (event.kind) {
    case Event::Kind::starved:
    case Event::Kind::blocked:
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
      if (LiveRequest* live = live_.find(event.id)) on_body_cut(*live, event.detail);
      if (speaks_http()) channel_.end();
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
      event.body_on_wire ? gateway::BodyEnd::on_wire : gateway::BodyEnd::by_length;
  const gateway::EnvironPolicy& policy =
      speaks_http() ? workspace_.client_environ : options.environ;
  if (const auto refusal = request.prepare(policy, body_end, workspace_.layouts)) {
    refuse(live, refusal->status, refusal->reason);
    return;
  }
  for (const std::string_view name : request.overridden()) tell_of_override(live, name);
  const std::optional<std::uint64_t> length = request.content_length();
  if (speaks_http() && request.find("REQUEST_URI") == "*") return answer_for_server(live);
  if (options.static_files != nullptr && try_answer_file(live)) return;
  if (options.max_body > 0 && length && *length > options.max_body) {
    refuse(live, 413,
           fmt::format("the body of {} bytes is larger than --max-body {}", *length,
                       options.max_body));
    return;
  }
  // No front keeps a slow client's body until it is complete.
  const bool spools = options.spool_bodies || !length || speaks_http();
  exchange.body().open(options.body_buffer, spools ? Overflow::spool : Overflow::pause,
                       options.spool_dir, options.spool_quota);
  decoder_->expect_body(event.id, length);
  // The client sends its body when it is asked to: when the application reads. A body without a
  // length must be complete before, so that the application learns its length.
  const bool asks_at_once = options.spool_bodies || !length;
  channel_.set_asking(event.http.awaits_continue && !asks_at_once ? Asking::due
                                                                  : Asking::not_needed);
  if (!event.http.awaits_continue) return;
  if (asks_at_once) {
    channel_.outbox().write_always(protocol::kContinue);
  } else {
    submit(live);
  }
}

bool Session::try_answer_file(LiveRequest& live) {
  WireExchange& exchange = live.exchange();
  const gateway::Request& request = exchange.request();
  const std::string_view mount = request.find("SCRIPT_NAME");
  std::string_view path = request.find("PATH_INFO");
  std::string whole;
  if (!mount.empty()) path = whole.append(mount).append(path);
  auto answer = context().options.static_files->answer(
      path, files::make_file_request(request, std::time(nullptr)));
  if (!answer) return false;
  if (answer->error != 0) {
    report(LogEvent::static_file_failed, live,
           fmt::format("a static file cannot be opened: {}", std::strerror(answer->error)));
  }
  answer_here(live, std::move(*answer));
  return true;
}

/// OPTIONS * is about the server, which no path of an application stands for (RFC 9110 section
/// 9.3.7).
void Session::answer_for_server(LiveRequest& live) {
  answer_here(live, {.status = "204 No Content",
                     .fields = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n",
                     .announces_length = false});
}

/// Responds in the application's place. A body that may still come is not waited for.
void Session::answer_here(LiveRequest& live, files::FileAnswer answer) {
  WireExchange& exchange = live.exchange();
  if (exchange.request().content_length() == 0u) {
    exchange.body().open(0, Overflow::pause, {});
    exchange.body().end();
  }
  exchange.respond(std::move(answer));
  let_go(live);
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

void Session::on_body_cut(LiveRequest& live, std::string text) {
  live.end_body();
  if (text.empty()) {
    text = fmt::format("the {} ended the body after {} of {} bytes", peer(),
                       live.exchange().body().arrived(),
                       live.exchange().request().content_length().value_or(0));
  }
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
  LiveRequest& live = open_exchange(event);
  if (speaks_http()) {
    // For the log alone.
    gateway::Request& request = live.exchange().mutable_request();
    decoder_->take_variables(event.id, request.block());
    request.prepare(workspace_.client_environ, gateway::BodyEnd::on_wire, workspace_.layouts);
  }
  refuse(live, event.status, event.detail);
}

void Session::on_fatal(const Event& event) {
  context().reporter.report(
      LogEvent::connection_malformed,
      fmt::format("a {} connection was closed: {}", protocol_name(), event.detail));
  input_ = Input::failed;
}

}  // namespace appd::net
