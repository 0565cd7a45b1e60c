// Reads and writes a socket, and closes it so that the front understands why.

#include "runtime/net/connection.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/net/context.hpp"

namespace appd::net {
namespace {

using gateway::LogEvent;

/// Told once for each change; never re-armed.
constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;
/// Reads in a row before other connections get their turn.
constexpr int kReadTurns = 8;
/// After a response to a request whose body is not all in: a reset would take the response away
/// from the front, so late input is read and dropped while it comes, at most for so long.
constexpr std::chrono::seconds kLingerIdle{5};
constexpr std::chrono::seconds kLingerTotal{60};
/// A front that has just connected is about to send; draining waits so long for its first byte.
constexpr std::chrono::seconds kFirstByteGrace{1};

/// True when the peer closed the socket altogether, not only its sending side (Unix sockets tell).
bool closed_both_ways(int socket) {
  pollfd state{socket, 0, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Connection::Connection(Context& context, support::UniqueFd socket, bool local)
    : context_(context),
      socket_(std::move(socket)),
      watch_(context.loop, socket_.get(), *this),
      local_(local),
      outbox_(socket_.get(), context.outgoing_memory),
      session_(*this),
      opened_(context.loop.running_now()) {}

void Connection::start(std::string_view first) {
  if (!first.empty()) on_input(first);
  read_here();
  advance();
}

HandOver Connection::try_hand_over(const WireExchange& waiting) {
  if (state_ != State::open || outbox_.blocked()) return HandOver::impossible;
  if (!context_.other_workers.any_idle()) return HandOver::nobody;
  const auto bytes = session_.try_reencode(waiting);
  if (!bytes || bytes->size() > Peers::kMostBytes) return HandOver::impossible;
  if (!context_.other_workers.give(socket_.get(), *bytes)) return HandOver::nobody;
  state_ = State::closed;
  session_.forget();
  release();
  return HandOver::done;
}

void Connection::refuse_waiting(const WireExchange& waiting, std::string_view reason) {
  session_.refuse_waiting(waiting, reason);
  advance();
}

void Connection::respond_instead(const WireExchange& running) {
  session_.respond_instead(running);
  advance();
}

void Connection::send_held() {
  if (state_ != State::closed && outbox_.release_held()) advance();
}

void Connection::drain() {
  if (!context_.other_workers.takes_over()) session_.end_after_responses();
  read_here();
  advance();
}

void Connection::read_here() {
  readable_ = true;
  settle();
  if (may_read()) read();
}

bool Connection::awaits_responses() const noexcept {
  return session_.ending() || context_.draining.load();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  outbox_.shut();
  session_.abandon();
  release();
}

std::optional<Connection::Clock::time_point> Connection::idle_since() const noexcept {
  if (state_ != State::open || outbox_.blocked() || !session_.holds_nothing()) return std::nullopt;
  return last_active_;
}

bool Connection::try_close_idle() {
  char byte = 0;
  const ssize_t n = ::recv(socket_.get(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return false;
  close();
  return true;
}

/// The connection is another worker's, or nobody's.
void Connection::release() {
  watch_.end();
  socket_.reset();
  context_.connections.remove(*this);
}

// -- Input ----------------------------------------------------------------------------------------

void Connection::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flushing_ = false;
  if ((events & ~EPOLLOUT) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) gone_ = true;
  advance();
}

void Connection::on_watch_failed(int error) {
  const auto self = shared_from_this();
  context_.reporter.report(
      LogEvent::connection_not_watched,
      fmt::format("a {} connection was closed: the kernel cannot watch it (epoll_ctl: {}){}",
                  session_.protocol_name(), std::strerror(error),
                  error == ENOSPC ? "; raise fs.epoll.max_user_watches" : ""));
  close();
}

void Connection::advance() {
  const auto self = shared_from_this();
  last_active_ = context_.loop.now();
  for (int turn = 0;; ++turn) {
    settle();
    // Before more is read: that is for the next generation.
    if (try_queue_for_handover()) return;
    const bool wanted = may_read();
    count_time(wanted);
    if (!wanted && gone_) on_lost(0);  // no read is going to tell
    if (!wanted || !readable_) break;
    if (turn == kReadTurns) {
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
  if (state_ == State::closed || input_ended_ || session_.has_full_body()) return false;
  if (context_.other_workers.takes_over() && session_.is_finishing()) return false;
  if (!outbox_.overloaded()) return true;
  // Some fronts write a whole body before they read a byte of its response.
  return session_.awaits_body() && outbox_.is_out(session_.asked_at());
}

/// The front's time stands still while it is not read from.
void Connection::count_time(bool reading) {
  if (reading == !unread_since_) return;
  const Clock::time_point now = context_.loop.running_now();
  if (!reading) {
    unread_since_ = now;
    return;
  }
  const Clock::duration still = now - *std::exchange(unread_since_, std::nullopt);
  head_since_ += still;
  last_input_ += still;
}

void Connection::read() {
  const std::span<char> buffer(context_.read_buffer.get(), Context::kReadBuffer);
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
  // A part-filled buffer means that the socket is empty; the next bytes will be signalled. An end
  // that was signalled already will not be.
  if (got < buffer.size() && !hung_up_) readable_ = false;
  on_input({buffer.data(), got});
}

/// The kernel does not tell when it has some again.
void Connection::wait_for_memory(const char* call) {
  context_.reporter.report(
      LogEvent::connection_no_memory,
      fmt::format("the kernel has no memory for a connection ({}); will try again", call));
  if (!std::exchange(waits_for_memory_, true)) context_.waiting.try_again_later(shared_from_this());
}

void Connection::try_again() {
  waits_for_memory_ = false;
  if (state_ == State::closed) return;
  flushing_ = false;
  readable_ = true;
  advance();
}

void Connection::on_input(std::string_view bytes) {
  last_input_ = context_.loop.running_now();
  silent_ = false;
  const bool was_inside = session_.inside_head();
  session_.feed(bytes);
  if (session_.inside_head() && !was_inside) head_since_ = last_input_;
}

void Connection::on_end_of_input() {
  const bool half_closed = state_ == State::open && local_ && session_.has_exchanges() &&
                           !closed_both_ways(socket_.get());
  if (!half_closed) {
    on_lost(0);
    return;
  }
  input_ended_ = true;
  session_.end_input();
}

void Connection::on_lost(int error) {
  if (state_ == State::closed) return;
  session_.forget_answered();
  const bool in_flight = session_.has_exchanges();
  if (context_.reporter.wants(LogEvent::connection_lost) && (session_.inside_head() || in_flight)) {
    context_.reporter.report(
        LogEvent::connection_lost,
        fmt::format("the front went away during {}: {}",
                    in_flight ? session_.describe_request() : "a request's head",
                    error == 0 ? "end of input" : std::strerror(error)));
  }
  close();
}

// -- Output and end -------------------------------------------------------------------------------

/// Sends what waits, as far as it goes, and lets go of what is over.
void Connection::settle() {
  if (state_ == State::closed) return;
  if (outbox_.blocked() && !flushing_) flush();
  session_.forget_answered();
  session_.make_way(outbox_.blocked());
}

/// Is told of input at all times, of room while a response waits for it, and of time.
void Connection::watch() {
  const std::uint32_t events = flushing_ ? kInput | EPOLLOUT : kInput;
  if (watch_.events() != events) watch_.want(events);
  if (!watched_ && next_deadline()) {
    watched_ = true;
    context_.waiting.watch(shared_from_this());
  }
}

bool Connection::may_end() const noexcept {
  return session_.ending() && !session_.has_exchanges() && !outbox_.blocked() &&
         !session_.inside_head() && !silent_;
}

/// Gives it to the next generation when nothing is under way on it; what the front has sent since
/// goes with the socket.
bool Connection::try_queue_for_handover() {
  if (!context_.other_workers.takes_over() || state_ != State::open || outbox_.blocked() ||
      !session_.holds_nothing() || !context_.other_workers.hand_over(socket_.get())) {
    return false;
  }
  state_ = State::closed;
  release();
  return true;
}

void Connection::flush() {
  const Outbox::Flushed result = outbox_.flush();
  if (result != Outbox::Flushed::nothing || !was_blocked_)
    last_output_ = context_.loop.running_now();
  was_blocked_ = result == Outbox::Flushed::progress || result == Outbox::Flushed::nothing ||
                 result == Outbox::Flushed::starved;
  switch (result) {
    case Outbox::Flushed::all:
      return;
    case Outbox::Flushed::broken:
      on_lost(EPIPE);
      return;
    case Outbox::Flushed::short_file:
      context_.reporter.report(
          LogEvent::response_file_short,
          "a response was broken off: the file it sends became shorter, or cannot be read");
      close();
      return;
    case Outbox::Flushed::starved:
      flushing_ = true;
      wait_for_memory("send");
      return;
    case Outbox::Flushed::progress:
    case Outbox::Flushed::nothing:
      flushing_ = true;
      // Also when that is asked for already: room that was told before is told again.
      watch_.want(kInput | EPOLLOUT);
  }
}

void Connection::end_or_linger() {
  if (session_.broken_off()) {
    end_with_reset();
    return;
  }
  if (!session_.owes_input()) {
    close();
    return;
  }
  state_ = State::lingering;
  last_input_ = context_.loop.running_now();
  linger_until_ = last_input_ + kLingerTotal;
  ::shutdown(socket_.get(), SHUT_WR);
}

/// A plain close looks like a complete response wherever the front knows no length; a reset does
/// not. Unix sockets have none: there it is a plain close.
void Connection::end_with_reset() {
  if (!local_) {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close();
}

/// What runs out first of the front's times. None of them runs for input while it is not read.
std::optional<Connection::Deadline> Connection::next_deadline() const {
  const ServerOptions& options = context_.options;
  std::optional<Deadline> first;
  const auto consider = [&first](Wait wait, Clock::time_point end) {
    if (!first || end < first->end) first = {wait, end};
  };
  if (state_ == State::lingering) {
    return Deadline{Wait::end, std::min(linger_until_, last_input_ + kLingerIdle)};
  }
  if (silent_ && session_.ending()) consider(Wait::end, opened_ + kFirstByteGrace);
  if (was_blocked_) consider(Wait::room, last_output_ + options.write_timeout);
  if (unread_since_) return first;
  if (session_.inside_head()) consider(Wait::head, head_since_ + options.header_timeout);
  if (session_.awaits_body()) consider(Wait::body, last_input_ + options.body_timeout);
  return first;
}

bool Connection::check_deadline(Clock::time_point now) {
  if (state_ == State::closed) return false;
  const auto next = next_deadline();
  if (!next) {
    watched_ = false;
    return false;
  }
  if (now < next->end) return true;
  on_deadline(next->wait);
  return state_ != State::closed;
}

void Connection::on_deadline(Wait wait) {
  if (wait == Wait::body && session_.has_exchanges()) {
    session_.cut_stalled_bodies();
    advance();
    return;
  }
  if (wait != Wait::end) report_timeout(wait);
  close();
}

void Connection::report_timeout(Wait wait) const {
  const char* what = wait == Wait::room ? "took none of the response for --write-timeout"
                     : wait == Wait::head
                         ? "did not complete a request's variables within --header-timeout"
                         : "sent none of a request's body for --body-timeout";
  const std::string request = session_.describe_request();
  context_.reporter.report(
      LogEvent::connection_timeout,
      fmt::format("a {} connection was closed: the front {}{}{}{}", session_.protocol_name(), what,
                  request.empty() ? "" : " (", request, request.empty() ? "" : ")"));
}

}  // namespace appd::net
