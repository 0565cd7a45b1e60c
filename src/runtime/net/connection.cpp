#include "runtime/net/connection.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/net/server.hpp"

namespace appd::net {
namespace {

using gateway::Level;

/// Told once for each change; never re-armed.
constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;
/// Reads in a row before other connections get their turn.
constexpr int kReadTurns = 8;
/// After an answer to a request whose body is not all in: a reset would take the answer away from
/// the front, so late input is read and dropped while it comes, at most for so long.
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

Connection::Connection(Server& server, support::UniqueFd socket, bool local)
    : server_(server),
      socket_(std::move(socket)),
      watch_(server.loop(), socket_.get(), *this),
      local_(local),
      outbox_(socket_.get()),
      session_(*this),
      opened_(server.loop().now()) {}

void Connection::start(std::string_view first) {
  if (!first.empty()) on_input(first);
  on_readable();
}

HandOver Connection::try_hand_over(const WireExchange& waiting) {
  if (state_ != State::open || outbox_.blocked()) return HandOver::impossible;
  if (!server_.has_idle_neighbour()) return HandOver::nobody;
  session_.settle(false);  // an earlier call on it may have ended since
  const auto bytes = session_.try_retell(waiting);
  if (!bytes || bytes->size() > Neighbours::kMostBytes) return HandOver::impossible;
  if (!server_.give_away(socket_.get(), *bytes)) return HandOver::nobody;
  state_ = State::closed;
  session_.forget();
  release();
  return HandOver::done;
}

void Connection::refuse_waiting(const WireExchange& waiting, std::string_view reason) {
  session_.refuse_waiting(waiting, reason);
  settle();
}

bool Connection::try_answer_instead(const WireExchange& running) {
  if (!session_.try_answer_instead(running)) return false;
  session_.resume_if_read();
  on_readable();
  return true;
}

void Connection::attend() {
  if (state_ == State::closed) return;
  if (session_.paused()) {
    session_.resume_if_read();
    last_input_ = server_.loop().now();
    if (!session_.paused()) {
      // What came meanwhile was told while nobody wanted it.
      on_readable();
      return;
    }
  }
  session_.settle(outbox_.blocked());
  // Usually an answer has ended on a connection that stays.
  if (outbox_.blocked() || session_.ending() || server_.draining()) settle();
}

bool Connection::send_held() {
  if (state_ == State::closed) return false;
  const Outbox::Released released = outbox_.release_held();
  if (released == Outbox::Released::queued) settle();
  return released == Outbox::Released::busy;
}

void Connection::drain() {
  if (!server_.has_heir()) session_.end_after_answers();
  // A request that is already in the socket is still served here: there may be no time for another.
  on_readable();
}

bool Connection::awaits_answers() const noexcept {
  return session_.paused() || session_.ending() || server_.draining();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  outbox_.shut();
  session_.abandon();
  release();
}

/// The connection is another worker's, or nobody's.
void Connection::release() {
  watch_.end();
  socket_.reset();
  server_.forget(*this);
}

// -- Input ----------------------------------------------------------------------------------------

void Connection::on_events(std::uint32_t events) {
  const auto self = shared_from_this();
  if ((events & EPOLLOUT) != 0) flushing_ = false;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (session_.paused() || input_ended_)) {
    on_lost(0);
    return;
  }
  on_readable();
}

void Connection::on_readable() {
  const std::span<char> buffer = server_.read_buffer();
  int turn = 0;
  while (state_ != State::closed && !session_.paused() && !input_ended_) {
    if (turn++ == kReadTurns) {
      watch_.again();
      break;
    }
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
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
    // A part-filled buffer means that the socket is empty; the next bytes will be signalled. An end
    // that was signalled already will not be.
    if (got < buffer.size() && !hung_up_) break;
  }
  settle();
}

void Connection::on_input(std::string_view bytes) {
  last_input_ = server_.loop().now();
  silent_ = false;
  if (state_ == State::lingering) return;
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
  settle();
}

void Connection::on_lost(int error) {
  session_.settle(false);
  const bool in_flight = session_.has_exchanges();
  if (server_.reporter().wants(Level::debug) && (session_.inside_head() || in_flight)) {
    server_.reporter().report(
        Level::debug, fmt::format("the front went away during {}: {}",
                                  in_flight ? session_.describe_request() : "a request's head",
                                  error == 0 ? "end of input" : std::strerror(error)));
  }
  close();
}

// -- Output and end -------------------------------------------------------------------------------

void Connection::settle() {
  if (state_ == State::closed) return;
  session_.settle(outbox_.blocked());
  if (outbox_.blocked() && !flushing_) flush();
  if (state_ == State::open && may_end()) end_or_linger();
  if (state_ == State::closed || try_bequeath()) return;
  watch();
  if (!watched_ && deadline()) {
    watched_ = true;
    server_.watch(shared_from_this());
  }
}

/// Is told of input at all times, and of room while an answer waits for it.
void Connection::watch() {
  const std::uint32_t events = flushing_ ? kInput | EPOLLOUT : kInput;
  if (watch_.events() != events) watch_.want(events);
}

bool Connection::may_end() const noexcept {
  return session_.ending() && !session_.has_exchanges() && !outbox_.blocked() &&
         !session_.inside_head() && !silent_;
}

/// Gives it to the next generation when nothing is under way on it; what the front has sent since
/// goes with the socket.
bool Connection::try_bequeath() {
  if (!server_.has_heir() || state_ != State::open || outbox_.blocked() ||
      !session_.holds_nothing() || !server_.bequeath(socket_.get())) {
    return false;
  }
  state_ = State::closed;
  release();
  return true;
}

void Connection::flush() {
  const Outbox::Flushed result = outbox_.flush();
  if (result != Outbox::Flushed::nothing || !was_blocked_) last_output_ = server_.loop().now();
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
      flushing_ = true;
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
  last_input_ = server_.loop().now();
  linger_until_ = last_input_ + kLingerTotal;
  ::shutdown(socket_.get(), SHUT_WR);
}

/// A plain close looks like a complete answer wherever the front knows no length; a reset does not.
/// Unix sockets have none: there it is a plain close.
void Connection::end_with_reset() {
  if (!local_) {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close();
}

std::optional<Connection::Clock::time_point> Connection::deadline() const {
  const ServerOptions& options = server_.options();
  if (state_ == State::lingering) return std::min(linger_until_, last_input_ + kLingerIdle);
  std::optional<Clock::time_point> first;
  const auto consider = [&first](Clock::time_point when) {
    if (!first || when < *first) first = when;
  };
  if (silent_ && session_.ending()) consider(opened_ + kFirstByteGrace);
  if (session_.inside_head()) consider(head_since_ + options.header_timeout);
  if (session_.awaits_body()) consider(last_input_ + options.body_timeout);
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
  const bool inside_head = session_.inside_head();
  if (!was_blocked_ && !inside_head && session_.has_exchanges()) {
    session_.cut_stalled_bodies();
    settle();
    return;
  }
  const char* what = was_blocked_ ? "took none of the answer for --write-timeout"
                     : inside_head
                         ? "did not complete a request's variables within --header-timeout"
                         : "sent none of a request's body for --body-timeout";
  const std::string request = session_.describe_request();
  server_.reporter().report(
      Level::warning,
      fmt::format("a {} connection was closed: the front {}{}{}{}", session_.protocol_name(), what,
                  request.empty() ? "" : " (", request, request.empty() ? "" : ")"));
  close();
}

}  // namespace appd::net
