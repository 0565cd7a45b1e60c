#include "runtime/net/connection.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/net/server.hpp"
#include "runtime/net/status_text.hpp"

namespace appd::net {
namespace {

using gateway::Level;
using protocol::Event;

/// Reads in a row before other connections get their turn.
constexpr int kReadTurns = 8;
/// After an answer to a request whose body is not all in: a reset would take the answer away from
/// the front, so late input is read and dropped while it comes, at most for so long.
constexpr std::chrono::seconds kLingerIdle{5};
constexpr std::chrono::seconds kLingerTotal{60};
/// A front that has just connected is about to send; draining waits so long for its first byte.
constexpr std::chrono::seconds kFirstByteGrace{1};

/// The request line as log lines show it; an endless URI is cut.
std::string describe(const gateway::Request& request) {
  return fmt::format("{} {}", request.method().empty() ? "?" : request.method(),
                     request.uri().empty() ? "?" : request.uri().substr(0, 256));
}

/// True when the peer closed the socket altogether, not only its sending side (Unix sockets tell).
bool hung_up(int socket) {
  pollfd state{socket, 0, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Connection::Connection(Server& server, boost::asio::posix::stream_descriptor socket, bool local)
    : server_(server),
      socket_(std::move(socket)),
      local_(local),
      outbox_(socket_.native_handle()),
      opened_(Clock::now()) {}

void Connection::start() {
  on_readable();
}

void Connection::attend() {
  if (state_ == State::closed) return;
  if (paused_.load(std::memory_order_relaxed)) {
    const bool still = std::any_of(live_.begin(), live_.end(), [](const Live& live) {
      return live.body_open && !live.released && !live.exchange->body().wants_more() &&
             !live.exchange->free();
    });
    paused_.store(still, std::memory_order_release);
    last_input_ = Clock::now();
  }
  settle();
}

void Connection::drain() {
  close_when_answered_ = true;
  // A request that is already in the socket is still served.
  on_readable();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  outbox_.shut();
  for (Live& live : live_) {
    if (live.exchange->try_give_up()) {
      live.exchange->reset();
    } else {
      live.exchange->set_gone();
    }
    server_.give_back(std::move(live.exchange));
  }
  live_.clear();
  in_flight_.store(0, std::memory_order_relaxed);
  boost::system::error_code ignored;
  socket_.close(ignored);
  server_.forget(shared_from_this());
}

// -- Input
// ------------------------------------------------------------------------------------------

void Connection::wait_readable() {
  reading_ = true;
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->reading_ = false;
                       if (!error) self->on_readable();
                     });
}

void Connection::on_readable() {
  const std::span<char> buffer = server_.read_buffer();
  for (int turn = 0; turn < kReadTurns && state_ != State::closed && !paused_; ++turn) {
    const ssize_t n = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      on_lost(errno);
      return;
    }
    if (n == 0) {
      on_end_of_input();
      return;
    }
    const auto got = static_cast<std::size_t>(n);
    on_input({buffer.data(), got});
    // A part-filled buffer means that the socket is empty; the next bytes will be signalled.
    if (got < buffer.size()) break;
  }
  settle();
}

void Connection::on_input(std::string_view bytes) {
  last_input_ = Clock::now();
  silent_ = false;
  if (state_ == State::lingering) {
    linger_until_ = std::min(linger_until_, last_input_ + kLingerTotal);
    return;
  }
  const bool was_inside = inside_head();
  release_answered();
  forget_free();
  feed(bytes);
  if (inside_head() && !was_inside) head_since_ = last_input_;
}

void Connection::feed(std::string_view bytes) {
  if (foreign_) return;
  if (!decoder_) {
    if (!choose_protocol(bytes)) return;
    if (!first_bytes_.empty()) {
      const std::string held = std::exchange(first_bytes_, {});
      feed(held);
    }
  }
  while (state_ == State::open) {
    const Event event = decoder_->next(bytes);
    if (event.kind == Event::Kind::starved) return;
    on_event(event);
  }
}

bool Connection::choose_protocol(std::string_view& bytes) {
  std::string_view first = bytes;
  if (!first_bytes_.empty()) {
    first_bytes_.append(bytes);
    first = first_bytes_;
  }
  const protocol::Sniffed found = protocol::sniff(first);
  using Kind = protocol::Sniffed::Kind;
  const std::optional<protocol::Wire> pinned = server_.options().pinned;
  if (found.kind == Kind::undecided) {
    if (first_bytes_.empty()) first_bytes_.assign(bytes);
    return false;
  }
  const bool foreign = found.kind == Kind::http || found.kind == Kind::tls ||
                       (!pinned && found.kind == Kind::unknown);
  if (foreign) {
    refuse_foreign(found);
    return false;
  }
  wire_ = pinned.value_or(found.wire);
  decoder_ = protocol::make_decoder(wire_, server_.options().decoder);
  if (!first_bytes_.empty()) bytes = {};  // they are the end of first_bytes_
  return true;
}

void Connection::refuse_foreign(protocol::Sniffed found) {
  using Kind = protocol::Sniffed::Kind;
  if (found.kind == Kind::unknown) {
    server_.reporter().report(
        Level::warning,
        "a connection was closed: its first bytes are none of FastCGI, uwsgi, "
        "SCGI");
    close();
    return;
  }
  const std::optional<protocol::Wire> pinned = server_.options().pinned;
  const std::string speaks =
      pinned ? std::string(protocol::name(*pinned)) : std::string("FastCGI, uwsgi and SCGI");
  const std::string advice = fmt::format(
      "this socket speaks {}, not {}; in nginx use fastcgi_pass, uwsgi_pass or scgi_pass "
      "instead of proxy_pass, in Apache ProxyPass with fcgi://, uwsgi:// or scgi://",
      speaks, found.kind == Kind::tls ? "TLS" : "HTTP");
  server_.reporter().report(Level::warning, "a request was refused with 400: " + advice);
  const std::string body = "400 Bad Request\n" + advice + "\n";
  const std::string answer = fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      body.size(), body);
  iovec part{const_cast<char*>(answer.data()), answer.size()};
  outbox_.write(std::span(&part, 1), nullptr, kNeverCancelled);
  first_bytes_.clear();
  foreign_ = true;
  close_when_answered_ = true;
}

void Connection::on_event(const Event& event) {
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
      on_body_cut(event);
      break;
    case Event::Kind::aborted:
      on_aborted(event);
      break;
    case Event::Kind::reply: {
      iovec part{const_cast<char*>(event.bytes.data()), event.bytes.size()};
      outbox_.write(std::span(&part, 1), nullptr, kNeverCancelled);
      if (!event.keep_connection) close_when_answered_ = true;
      break;
    }
    case Event::Kind::refused:
      on_refused(event);
      break;
    case Event::Kind::fatal:
      on_fatal(event);
      break;
  }
}

void Connection::on_request(const Event& event) {
  head_since_ = last_input_;  // of another head that may have begun meanwhile
  Live& live = open_exchange(event);
  WireExchange& exchange = *live.exchange;
  gateway::Request& request = exchange.mutable_request();
  decoder_->take_variables(event.id, request.block());
  const ServerOptions& options = server_.options();
  const gateway::BodyEnd body_end =
      wire_ == protocol::Wire::fastcgi ? gateway::BodyEnd::on_wire : gateway::BodyEnd::by_length;
  const auto refusal = request.prepare(options.environ, body_end);
  if (refusal) {
    refuse(live, refusal->status, refusal->reason);
    return;
  }
  if (request.length_mended()) warn_of_short_length(request);
  const std::optional<std::uint64_t> length = request.content_length();
  if (options.max_body > 0 && length && *length > options.max_body) {
    refuse(live, 413,
           fmt::format("the body of {} bytes is larger than --max-body {}", *length,
                       options.max_body));
    return;
  }
  live.spooling = options.spool_bodies || !length;
  exchange.body().open(options.body_buffer, live.spooling ? Overflow::spool : Overflow::pause,
                       options.spool_dir);
  decoder_->expect_body(event.id, length.value_or(protocol::kUnknownLength));
}

void Connection::warn_of_short_length(const gateway::Request& request) {
  server_.reporter().report(server_.level_of(Server::Advice::short_scgi_length),
                            describe(request) +
                                ": nginx announced less body than the client sends (mended); "
                                "scgi_request_buffering off needs nginx 1.29.6");
}

void Connection::on_body(const Event& event) {
  Live* live = find(event.id);
  if (live == nullptr) return;
  BodyPipe& body = live->exchange->body();
  const bool more = body.append(event.bytes);
  const ServerOptions& options = server_.options();
  if (options.max_body > 0 && body.arrived() > options.max_body &&
      live->exchange->waits_for_body()) {
    refuse(*live, 413, fmt::format("the body is larger than --max-body {}", options.max_body));
    return;
  }
  if (const std::string error = body.take_error(); !error.empty()) {
    server_.reporter().report(Level::error, describe(live->exchange->request()) + ": " + error);
    if (live->exchange->waits_for_body()) {
      refuse(*live, 500, "the request's body could not be stored");
      return;
    }
  }
  if (more) return;
  if (live->exchange->waits_for_body()) submit(*live);
  if (Live* still = find(event.id)) pause_or_spool(*still);
}

void Connection::on_body_end(const Event& event) {
  Live* live = find(event.id);
  if (live == nullptr) return;
  live->body_open = false;
  BodyPipe& body = live->exchange->body();
  body.end();
  if (!live->exchange->waits_for_body()) return;
  gateway::Request& request = live->exchange->mutable_request();
  if (!request.content_length()) request.set_content_length(body.arrived());
  submit(*live);
}

void Connection::on_body_cut(const Event& event) {
  Live* live = find(event.id);
  if (live == nullptr) return;
  live->body_open = false;
  const std::string text =
      fmt::format("the front ended the body after {} of {} bytes", live->exchange->body().arrived(),
                  live->exchange->request().content_length().value_or(0));
  if (live->exchange->waits_for_body()) {
    refuse(*live, 400, text);
    return;
  }
  server_.reporter().report(Level::warning, describe(live->exchange->request()) + ": " + text);
  live->exchange->body().cut();
}

void Connection::on_aborted(const Event& event) {
  Live* live = find(event.id);
  if (live == nullptr) return;
  live->released = true;
  live->body_open = false;
  if (server_.reporter().wants(Level::debug)) {
    server_.reporter().report(Level::debug,
                              describe(live->exchange->request()) + ": aborted by the front");
  }
  live->exchange->try_give_up();
  live->exchange->set_gone();
  outbox_.wake();
  if (!live->exchange->try_end()) return;
  protocol::Gather end;
  protocol::AnswerFramer(wire_, event.id).frame_break(protocol::Break::end_and_keep, end);
  outbox_.write(end.parts(), nullptr, kNeverCancelled);
}

void Connection::on_refused(const Event& event) {
  Live& live = open_exchange(event);
  refuse(live, event.status, event.detail);
}

void Connection::on_fatal(const Event& event) {
  server_.reporter().report(Level::warning, fmt::format("a {} connection was closed: {}",
                                                        protocol::name(wire_), event.detail));
  close();
}

void Connection::on_end_of_input() {
  if (state_ == State::lingering || !local_ || live_.empty() || hung_up(socket_.native_handle())) {
    on_lost(0);
    return;
  }
  // The front only ended its sending side: what is complete is answered.
  input_ended_ = true;
  close_when_answered_ = true;
  for (Live& live : live_) {
    if (!live.body_open || live.released) continue;
    Event cut;
    cut.id = live.exchange->id();
    on_body_cut(cut);
  }
  settle();
}

void Connection::on_lost(int error) {
  release_answered();
  forget_free();
  if (server_.reporter().wants(Level::debug) && (inside_head() || !live_.empty())) {
    const std::string what = live_.empty() ? std::string("a request's head")
                                           : describe(live_.front().exchange->request());
    server_.reporter().report(Level::debug,
                              fmt::format("the front went away during {}: {}", what,
                                          error == 0 ? "end of input" : std::strerror(error)));
  }
  close();
}

// -- Requests
// ---------------------------------------------------------------------------------------

Connection::Live& Connection::open_exchange(const Event& event) {
  std::shared_ptr<WireExchange> exchange = server_.take_exchange();
  exchange->open(shared_from_this(), wire_, event.id, event.keep_connection);
  if (!event.keep_connection) close_when_answered_ = true;
  live_.push_back(Live{std::move(exchange)});
  in_flight_.store(static_cast<unsigned>(live_.size()), std::memory_order_relaxed);
  return live_.back();
}

Connection::Live* Connection::find(protocol::RequestId id) noexcept {
  for (Live& live : live_) {
    if (live.exchange->id() == id && !live.released) return &live;
  }
  return nullptr;
}

void Connection::submit(Live& live) {
  live.exchange->set_queued();
  if (server_.dispatcher().submit(live.exchange)) return;
  live.exchange->try_give_up();
  refuse(live, 503, "every thread is busy and the queue (--queue) is full");
}

void Connection::refuse(Live& live, unsigned status, std::string_view reason) {
  const gateway::Request& request = live.exchange->request();
  server_.reporter().report(
      Level::warning, fmt::format("{}: answered with {} {} over {}: {}", describe(request), status,
                                  status_text(status), protocol::name(wire_), reason));
  const std::string retry_after =
      status == 503 ? fmt::format("{}", server_.options().retry_after.count()) : std::string();
  live.exchange->refuse(status, reason, retry_after);
  decoder_->release(live.exchange->id());
  live.released = true;
  live.body_open = false;
}

void Connection::pause_or_spool(Live& live) {
  // A front that waits for room in its own direction, or has other requests on this connection,
  // must not be kept from writing.
  if (outbox_.blocked() || live_.size() > 1) {
    live.exchange->body().start_spooling();
    return;
  }
  paused_.store(true);
  // The pool thread may have read it all, or ended, before it could see that reading is paused.
  if (live.exchange->body().wants_more() || live.exchange->free()) paused_.store(false);
}

void Connection::spool_unread_bodies() {
  for (Live& live : live_) {
    if (live.body_open && !live.released) live.exchange->body().start_spooling();
  }
  paused_.store(false, std::memory_order_release);
}

void Connection::release_answered() {
  for (Live& live : live_) {
    if (live.released || !live.exchange->answered()) continue;
    decoder_->release(live.exchange->id());
    live.released = true;
    live.body_open = false;
  }
}

void Connection::forget_free() {
  for (Live& live : live_) {
    if (!live.released || !live.exchange->free()) continue;
    if (live.exchange->ends_connection()) close_when_answered_ = true;
    if (live.exchange->broken_off() && wire_ != protocol::Wire::fastcgi) reset_ = true;
    live.exchange->reset();
    server_.give_back(std::move(live.exchange));
  }
  std::erase_if(live_, [](const Live& live) { return live.exchange == nullptr; });
  in_flight_.store(static_cast<unsigned>(live_.size()), std::memory_order_relaxed);
}

// -- Output and end
// ---------------------------------------------------------------------------------

void Connection::settle() {
  if (state_ == State::closed) return;
  release_answered();
  forget_free();
  if (outbox_.blocked()) {
    if (paused_) spool_unread_bodies();
    if (!flushing_) flush();
    if (state_ == State::closed) return;
  }
  if (state_ == State::open && close_when_answered_ && !busy() && !inside_head() && !silent_) {
    end_or_linger();
    if (state_ == State::closed) return;
  }
  if (!reading_ && !paused_ && !input_ended_) wait_readable();
  if (!watched_ && deadline()) {
    watched_ = true;
    server_.watch(shared_from_this());
  }
}

void Connection::flush() {
  const Outbox::Flushed result = outbox_.flush();
  if (result != Outbox::Flushed::nothing || !was_blocked_) last_output_ = Clock::now();
  was_blocked_ = result == Outbox::Flushed::progress || result == Outbox::Flushed::nothing;
  switch (result) {
    case Outbox::Flushed::all:
      return;
    case Outbox::Flushed::broken:
      on_lost(EPIPE);
      return;
    case Outbox::Flushed::short_file:
      server_.reporter().report(
          Level::error,
          "an answer was broken off: the file it sends became shorter, or cannot be read");
      close();
      return;
    case Outbox::Flushed::progress:
    case Outbox::Flushed::nothing:
      wait_writable();
  }
}

void Connection::wait_writable() {
  flushing_ = true;
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                     [self = shared_from_this()](boost::system::error_code error) {
                       self->flushing_ = false;
                       if (!error) self->settle();
                     });
}

void Connection::end_or_linger() {
  if (reset_) {
    end_with_reset();
    return;
  }
  const bool more_may_come = decoder_ ? decoder_->owes_body() : foreign_;
  if (input_ended_ || !more_may_come) {
    close();
    return;
  }
  state_ = State::lingering;
  linger_until_ = Clock::now() + kLingerTotal;
  last_input_ = Clock::now();
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

/// A plain close looks like a complete answer wherever the front knows no length; a reset does not.
/// Unix sockets have none: there it is a plain close.
void Connection::end_with_reset() {
  if (!local_) {
    const linger at_once{1, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close();
}

bool Connection::inside_head() const noexcept {
  if (input_ended_) return false;
  return !first_bytes_.empty() || (decoder_ && decoder_->inside_head());
}

bool Connection::awaits_body() const noexcept {
  if (paused_ || input_ended_ || !decoder_) return false;
  return decoder_->owes_body() ||
         std::any_of(live_.begin(), live_.end(), [](const Live& live) { return live.body_open; });
}

std::optional<Connection::Clock::time_point> Connection::deadline() const {
  const ServerOptions& options = server_.options();
  if (state_ == State::lingering) return std::min(linger_until_, last_input_ + kLingerIdle);
  std::optional<Clock::time_point> first;
  const auto consider = [&first](Clock::time_point when) {
    if (!first || when < *first) first = when;
  };
  if (silent_ && close_when_answered_) consider(opened_ + kFirstByteGrace);
  if (inside_head()) consider(head_since_ + options.header_timeout);
  if (awaits_body()) consider(last_input_ + options.body_timeout);
  if (was_blocked_) consider(last_output_ + options.write_timeout);
  return first;
}

bool Connection::check_deadline(Clock::time_point now) {
  if (state_ == State::closed) return false;
  const auto when = deadline();
  if (!when) {
    watched_ = false;
    return false;
  }
  if (now < *when) return true;
  on_deadline();
  return state_ != State::closed;
}

void Connection::on_deadline() {
  if (state_ == State::lingering || silent_) {
    close();
    return;
  }
  const bool stalled_body = !was_blocked_ && !inside_head();
  if (stalled_body && !live_.empty()) {
    cut_stalled_bodies();
    return;
  }
  const char* what = was_blocked_ ? "took none of the answer for --write-timeout"
                     : inside_head()
                         ? "did not complete a request's variables within --header-timeout"
                         : "sent none of a request's body for --body-timeout";
  const std::string request = live_.empty() || live_.back().exchange->free()
                                  ? std::string()
                                  : " (" + describe(live_.back().exchange->request()) + ")";
  server_.reporter().report(Level::warning,
                            fmt::format("a {} connection was closed: the front {}{}",
                                        decoder_ ? protocol::name(wire_) : "new", what, request));
  close();
}

void Connection::cut_stalled_bodies() {
  close_when_answered_ = true;
  for (Live& live : live_) {
    if (!live.body_open) continue;
    const std::string text =
        fmt::format("the front sent no body byte for --body-timeout ({} bytes came)",
                    live.exchange->body().arrived());
    if (live.exchange->waits_for_body()) {
      refuse(live, 408, text);
    } else {
      server_.reporter().report(Level::warning, describe(live.exchange->request()) + ": " + text);
      live.exchange->body().cut();
      live.body_open = false;
    }
  }
  settle();
}

}  // namespace appd::net
