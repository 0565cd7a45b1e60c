// Reads and writes a socket, and closes it so that the front understands why.

#include "runtime/net/connection.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/net/context.hpp"
#include "runtime/net/workspace.hpp"

namespace appd::net {
namespace {

using gateway::LogEvent;

/// Each change is reported once; never re-armed.
constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;
/// Reads in a row before other connections get their turn.
constexpr int kReadTurns = 8;
/// What is read of a client's further requests has to be kept while the present one is answered.
constexpr std::size_t kReadAhead = 16 * 1024;
/// The same, with the body of the present one before it.
constexpr std::size_t kReadWithBody = 64 * 1024;
/// True if the peer closed the socket altogether, not only its sending side (Unix sockets tell).
bool closed_both_ways(int socket) {
  pollfd state{socket, 0, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

Caller caller_with(const std::optional<protocol::HttpEnds>& client) noexcept {
  if (!client) return Caller::front;
  return client->proxied ? Caller::proxied : Caller::client;
}

}  // namespace

Connection::Connection(Workspace& workspace, support::UniqueFd socket, bool local,
                       std::optional<protocol::HttpEnds> client)
    : workspace_(workspace),
      socket_(std::move(socket)),
      watch_(workspace.context.loop, socket_.get(), *this),
      transport_(local ? Transport::local : Transport::tcp),
      caller_(caller_with(client)),
      channel_(workspace.context, socket_.get()),
      session_(channel_, workspace),
      times_(workspace.context.loop.running_now()) {
  if (client) session_.speak_http(std::move(*client));
}

void Connection::start(std::string_view first) {
  channel_.set_owner(weak_from_this());
  if (!first.empty()) on_input(first);
  read_here();
  advance();
}

HandOver Connection::try_hand_over(const WireExchange& waiting) {
  const std::shared_ptr<Connection> owner = waiting.owner();
  return owner ? owner->try_leave_with(waiting) : HandOver::done;
}

void Connection::refuse(const WireExchange& waiting, std::string_view reason) {
  const std::shared_ptr<Connection> owner = waiting.owner();
  if (!owner) return;
  owner->session_.refuse_waiting(waiting, reason);
  owner->advance();
}

HandOver Connection::try_leave_with(const WireExchange& waiting) {
  if (state_ != State::open || outbox().blocked()) return HandOver::impossible;
  if (!workspace_.other_workers.any_idle()) return HandOver::nobody;
  const auto bytes = session_.try_reencode(waiting);
  if (!bytes) return HandOver::impossible;
  if (!workspace_.other_workers.give(socket_.get(), caller_, *bytes)) return HandOver::nobody;
  state_ = State::closed;
  session_.forget();
  release();
  return HandOver::done;
}

void Connection::respond_instead(const WireExchange& running) {
  session_.respond_instead(running);
  advance();
}

void Connection::send_held() {
  if (state_ != State::closed && channel_.outbox().release_held()) advance();
}

void Connection::drain() {
  if (!workspace_.other_workers.hands_over()) session_.end_after_responses();
  read_here();
  advance();
}

void Connection::read_here() {
  readable_ = true;
  settle();
  if (may_read()) read();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  channel_.outbox().shut();
  session_.abandon();
  release();
}

std::optional<Connection::Clock::time_point> Connection::idle_since() const noexcept {
  if (state_ != State::open || outbox().blocked() || !session_.holds_nothing()) return std::nullopt;
  return last_active_;
}

bool Connection::try_close_idle() {
  char byte = 0;
  const ssize_t n = ::recv(socket_.get(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return false;
  close();
  return true;
}

/// Lets go of the socket: the connection is another worker's now, or nobody's.
void Connection::release() {
  KeptClients::release(*this);
  watch_.end();
  socket_.reset();
  workspace_.connections.remove(*this);
}

// -- Input ----------------------------------------------------------------------------------------

void Connection::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) expect_room();
  if ((events & ~EPOLLOUT) != 0) readable_ = true;
  if ((events & EPOLLRDHUP) != 0) front_ = std::max(front_, Front::hung_up);
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) front_ = Front::gone;
  advance();
}

void Connection::on_watch_failed(int error) {
  const auto self = shared_from_this();
  context().reporter.report(
      LogEvent::connection_not_watched,
      fmt::format("a {} connection was closed: the kernel cannot watch it (epoll_ctl: {}){}",
                  session_.protocol_name(), std::strerror(error),
                  error == ENOSPC ? "; raise fs.epoll.max_user_watches" : ""));
  close();
}

void Connection::advance() {
  const auto self = shared_from_this();
  last_active_ = context().loop.now();
  for (int turn = 0;; ++turn) {
    settle();
    // Not while the client takes nothing: each of its requests would add to what waits.
    if (state_ == State::open && session_.has_input_due() && !outbox().overloaded()) {
      on_input(session_.take_input_due());
      continue;
    }
    // Before more is read: later input is for the next generation.
    if (try_queue_for_handover()) return;
    const bool wanted = may_read();
    times_.count(wanted, context().loop.running_now());
    times_.count_body(channel_.asking(), context().loop.running_now());
    if (!wanted && front_ == Front::gone) on_lost(0);  // no read will tell
    if (!wanted || !readable_) break;
    if (turn >= kReadTurns) {
      watch_.again();
      break;
    }
    read();
  }
  if (state_ == State::open && may_end()) end_or_linger();
  if (state_ == State::closed) return;
  watch();
}

bool Connection::may_read() const noexcept {
  if (state_ == State::lingering) return true;
  if (state_ == State::closed || session_.input_ended() || session_.has_full_body()) return false;
  if (session_.has_input_waiting()) return false;
  if (workspace_.other_workers.hands_over() && session_.is_finishing()) return false;
  if (!outbox().overloaded()) return true;
  // Some fronts write a whole body before they read a byte of its response.
  return session_.awaits_body() && outbox().is_out(session_.asked_at());
}

void Connection::read() {
  const std::span<char> buffer(workspace_.read_buffer.get(), most_to_read());
  const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      readable_ = false;
    } else if (errno == ENOBUFS || errno == ENOMEM) {
      readable_ = false;
      wait_for_memory("recv");
    } else if (errno != EINTR) {
      on_lost(errno);
    }
    return;
  }
  if (n == 0) {
    on_end_of_input();
    return;
  }
  const auto got = static_cast<std::size_t>(n);
  // A partly filled buffer means that the socket is empty: the next bytes will raise an event. An
  // end of input that has raised its event already will not raise another.
  if (got < buffer.size() && front_ == Front::sends) readable_ = false;
  on_input({buffer.data(), got});
}

std::size_t Connection::most_to_read() const noexcept {
  if (!session_.speaks_http()) return Workspace::kReadBuffer;
  return session_.is_between_bodies() ? kReadAhead : kReadWithBody;
}

/// Tries again later: the kernel does not tell when it has memory again.
void Connection::wait_for_memory(const char* call) {
  context().reporter.report(
      LogEvent::connection_no_memory,
      fmt::format("the kernel has no memory for a connection ({}); will try again", call));
  if (!std::exchange(starved_, true)) workspace_.waiting.try_again_later(shared_from_this());
}

void Connection::try_again() {
  starved_ = false;
  if (state_ == State::closed) return;
  expect_room();
  readable_ = true;
  advance();
}

/// The socket may have room: what is left in the outbox is to be flushed again.
void Connection::expect_room() noexcept {
  if (output_ == Output::full) output_ = Output::room;
}

void Connection::on_input(std::string_view bytes) {
  times_.on_input(context().loop.running_now(), bytes.size());
  if (state_ == State::lingering) return;  // nobody needs them
  const bool was_inside = session_.inside_head();
  const bool head_completed = session_.feed(bytes);
  if (session_.failed()) {
    close();
    return;
  }
  if (head_completed) times_.on_head_completed();
  // When one read ends a head and begins the next, the next has its whole time from here.
  if (session_.inside_head() && (head_completed || !was_inside)) times_.on_head_begun();
}

void Connection::on_end_of_input() {
  const bool half_closed = state_ == State::open && transport_ == Transport::local &&
                           session_.has_exchanges() && !closed_both_ways(socket_.get());
  if (!half_closed) {
    on_lost(0);
    return;
  }
  session_.end_input();
}

void Connection::on_lost(int error) {
  if (state_ == State::closed) return;
  session_.forget_answered();
  const bool in_flight = session_.has_exchanges();
  if (context().reporter.wants(LogEvent::connection_lost) &&
      (session_.inside_head() || in_flight)) {
    context().reporter.report(
        LogEvent::connection_lost,
        fmt::format("the {} went away during {}: {}", session_.peer(),
                    in_flight ? session_.describe_request() : "a request's head",
                    error == 0 ? "end of input" : std::strerror(error)));
  }
  close();
}

// -- Output and end -------------------------------------------------------------------------------

/// Sends what the socket takes of what waits, and lets go of exchanges that are over.
void Connection::settle() {
  if (state_ == State::closed) return;
  if (outbox().gave_up()) return end_with_reset();
  if (outbox().blocked() && output_ != Output::full) flush();
  session_.forget_answered();
  session_.make_way(outbox().blocked());
}

/// Watches for input always, for room while a response waits for it, and for deadlines.
void Connection::watch() {
  const std::uint32_t events = output_ == Output::full ? kInput | EPOLLOUT : kInput;
  if (watch_.events() != events) watch_.want(events);
  if (!watched_ && next_deadline()) {
    watched_ = true;
    workspace_.waiting.watch(shared_from_this());
  }
  if (caller_ != Caller::front) workspace_.kept_clients.keep(*this, idle_since().has_value());
}

/// A call that has ended since then has not told the loop: the idle time begins only now.
void Connection::on_kept_too_long(bool idle) {
  const auto self = shared_from_this();
  if (!idle || !try_close_idle()) advance();
}

bool Connection::may_end() const noexcept {
  return channel_.ending() && !session_.has_exchanges() && !outbox().blocked() &&
         !session_.inside_head() && !times_.silent();
}

/// Gives the connection to the next generation when nothing is under way on it; input that is
/// still unread goes with the socket.
bool Connection::try_queue_for_handover() {
  if (!workspace_.other_workers.hands_over() || state_ != State::open || outbox().blocked() ||
      !session_.holds_nothing() ||
      !workspace_.other_workers.queue_for_handover(socket_.get(), caller_,
                                                   session_.said_by_proxy())) {
    return false;
  }
  state_ = State::closed;
  release();
  return true;
}

void Connection::flush() {
  const Outbox::Flushed result = channel_.outbox().flush();
  if (result != Outbox::Flushed::nothing || output_ == Output::clear) {
    times_.on_output(context().loop.running_now());
  }
  const bool left = result == Outbox::Flushed::progress || result == Outbox::Flushed::nothing ||
                    result == Outbox::Flushed::starved;
  output_ = left ? Output::full : Output::clear;
  switch (result) {
    case Outbox::Flushed::all:
      return;
    case Outbox::Flushed::broken:
      on_lost(EPIPE);
      return;
    case Outbox::Flushed::short_file:
      context().reporter.report(
          LogEvent::response_file_short,
          "a response was broken off: the file it sends became shorter, or cannot be read");
      close();
      return;
    case Outbox::Flushed::starved:
      wait_for_memory("send");
      return;
    case Outbox::Flushed::progress:
    case Outbox::Flushed::nothing:
      // Even if it is asked for already: room that was reported before is reported again.
      watch_.want(kInput | EPOLLOUT);
  }
}

void Connection::end_or_linger() {
  if (channel_.broken_off()) {
    end_with_reset();
    return;
  }
  if (!session_.owes_input()) {
    close();
    return;
  }
  state_ = State::lingering;
  times_.on_linger(context().loop.running_now());
  ::shutdown(socket_.get(), SHUT_WR);
}

/// A plain close looks like a complete response if the front does not know its length; a reset does
/// not. Unix sockets have no reset and get a plain close.
void Connection::end_with_reset() {
  if (transport_ == Transport::tcp) {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close();
}

std::optional<FrontTimes::Deadline> Connection::next_deadline() const {
  if (state_ == State::lingering) return times_.end_of_linger();
  FrontTimes::Waits waits;
  waits.end = times_.silent() && channel_.ending();
  waits.room = output_ != Output::clear;
  waits.head = session_.inside_head();
  waits.body = session_.awaits_body();
  return times_.next(waits, context().options);
}

bool Connection::check_deadline(Clock::time_point now) {
  if (state_ == State::closed) return false;
  auto next = next_deadline();
  if (next && next->wait == FrontTimes::Wait::room && next->end <= now) {
    // The kernel tells of room once much of its buffer is free, for which a slow reader may need
    // longer.
    expect_room();
    advance();
    if (state_ == State::closed) return false;
    next = next_deadline();
  }
  if (!next) {
    watched_ = false;
    return false;
  }
  if (now < next->end) return true;
  on_deadline(next->wait);
  return state_ != State::closed;
}

void Connection::on_deadline(FrontTimes::Wait wait) {
  using Wait = FrontTimes::Wait;
  if (wait == Wait::body && session_.has_exchanges()) {
    session_.cut_stalled_bodies();
    advance();
    return;
  }
  if (wait == Wait::head && session_.try_refuse_slow_head()) {
    advance();
    return;
  }
  if (wait != Wait::end) report_timeout(wait);
  close();
}

void Connection::report_timeout(FrontTimes::Wait wait) const {
  using Wait = FrontTimes::Wait;
  const char* what = wait == Wait::room ? "took none of the response for --write-timeout"
                     : session_.awaits_proxy()
                         ? "did not complete the PROXY protocol's header within --header-timeout"
                     : wait == Wait::head
                         ? "did not complete a request's variables within --header-timeout"
                         : "sent none of a request's body for --body-timeout";
  const std::string request = session_.describe_request();
  context().reporter.report(
      LogEvent::connection_timeout,
      fmt::format("a {} connection was closed: the {} {}{}{}{}", session_.protocol_name(),
                  session_.peer(), what, request.empty() ? "" : " (", request,
                  request.empty() ? "" : ")"));
}

}  // namespace appd::net
