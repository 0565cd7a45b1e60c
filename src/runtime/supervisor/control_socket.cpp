// Accepts callers, reads their commands and sends replies without waiting.

#include "runtime/supervisor/control_socket.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/support/passing_errors.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {
namespace {

constexpr ControlSocket::Caller kListener = 0;
constexpr int kBacklog = 16;
/// Until messages are sent again that a caller's socket did not take.
constexpr std::chrono::milliseconds kResendPause{10};
/// Of one caller. It does not read if it has left more.
constexpr std::size_t kMostUnsent = 16;

enum class Put : std::uint8_t { sent, later, gone };

Put try_put(int fd, ControlMessage::Kind kind, std::string_view text) noexcept {
  char mark = static_cast<char>(kind);
  std::array<iovec, 2> parts{{{&mark, 1}, {const_cast<char*>(text.data()), text.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (::sendmsg(fd, &message, MSG_NOSIGNAL) >= 0) return Put::sent;
  const bool passes = support::would_block(errno) || support::has_no_memory(errno);
  return passes || errno == EINTR ? Put::later : Put::gone;
}

support::UniqueFd open_socket() {
  support::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) support::throw_errno("socket", "control");
  return socket;
}

support::SocketFile bind(int socket, const std::string& path, const support::Account* account) {
  support::SocketFile::Wanted wanted{0600};
  // It belongs to root, whoever makes it.
  if (account != nullptr) wanted = {0600, ::geteuid(), ::getegid()};
  return support::SocketFile::bind(socket, path, wanted, account);
}

}  // namespace

ControlSocket::ControlSocket(const std::string& path, const support::Account* account)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), listener_(open_socket()) {
  if (!epoll_) support::throw_errno("epoll_create1");
  control_address(path);
  support::remove_stale_socket(path, SOCK_SEQPACKET, account);
  file_ = bind(listener_.get(), path, account);
  if (::listen(listener_.get(), kBacklog) != 0) support::throw_errno("listen", path);
  watch_listener();
}

ControlSocket::ControlSocket(const std::string& path, support::UniqueFd listener,
                             const support::Account* account)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      listener_(std::move(listener)),
      file_(support::SocketFile::take_over(path, account)) {
  if (!epoll_) support::throw_errno("epoll_create1");
  watch_listener();
}

bool ControlSocket::watch(int operation, int fd, Caller caller, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = caller;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void ControlSocket::watch_listener() {
  if (!watch(EPOLL_CTL_ADD, listener_.get(), kListener, EPOLLIN)) {
    support::throw_errno("epoll_ctl", "control");
  }
}

std::vector<ControlSocket::Request> ControlSocket::receive(Clock::time_point now,
                                                           gateway::Reporter& reporter) {
  std::vector<Request> requests;
  std::array<epoll_event, 16> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const Caller caller = events[static_cast<std::size_t>(i)].data.u64;
    if (caller == kListener) {
      accept_all(now, reporter);
    } else if (const auto request = read(caller)) {
      requests.push_back(*request);
    }
  }
  return requests;
}

/// One message is read of each caller; after it only its end is of interest.
std::optional<ControlSocket::Request> ControlSocket::read(Caller caller) {
  const auto found = callers_.find(caller);
  if (found == callers_.end()) return std::nullopt;
  std::array<char, 64> bytes;
  const ssize_t got =
      found->second.patience ? ::recv(found->second.fd.get(), bytes.data(), bytes.size(), 0) : 0;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got <= 0) {
    callers_.erase(found);
    return std::nullopt;
  }
  const auto verb = parse_verb({bytes.data(), static_cast<std::size_t>(got)});
  if (!verb) {
    fail(caller, "unknown command");
    return std::nullopt;
  }
  found->second.patience.reset();
  watch(EPOLL_CTL_MOD, found->second.fd.get(), caller, EPOLLRDHUP);
  return Request{caller, *verb};
}

void ControlSocket::accept_all(Clock::time_point now, gateway::Reporter& reporter) {
  while (true) {
    support::UniqueFd fd(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      const bool none = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
      return none ? void(reported_ = false) : pause(now, reporter);
    }
    const bool room = make_room();
    const Caller caller = add({std::move(fd), now + kPatience}, EPOLLIN);
    if (!room) fail(caller, fmt::format("{} callers are waiting already; try again", kMostCallers));
  }
}

/// The listener stays readable, and would keep the loop from its rest.
void ControlSocket::pause(Clock::time_point now, gateway::Reporter& reporter) {
  const int error = errno;
  if (!std::exchange(reported_, true)) {
    reporter.report(gateway::LogEvent::control_no_descriptor,
                    fmt::format("cannot answer on the control socket: {}; raise the limit of "
                                "open files (LimitNOFILE= in a systemd unit, ulimit -n)",
                                std::strerror(error)));
  }
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
  accept_due_ = now + kAcceptPause;
}

/// A caller that has asked keeps its place. The oldest of the others makes room.
bool ControlSocket::make_room() {
  if (callers_.size() < kMostCallers) return true;
  const auto silent = std::find_if(callers_.begin(), callers_.end(),
                                   [](const auto& each) { return each.second.patience; });
  if (silent == callers_.end()) return false;
  fail(silent->first, "too many other callers are waiting");
  return true;
}

void ControlSocket::tick(Clock::time_point now) {
  if (accept_due_ && now >= *accept_due_) {
    const bool watched = watch(EPOLL_CTL_ADD, listener_.get(), kListener, EPOLLIN);
    accept_due_ = watched ? std::nullopt : std::optional(now + kAcceptPause);
  }
  if (resend_due_ && now >= *resend_due_) resend_all(now);
  for (auto each = callers_.begin(); each != callers_.end();) {
    const auto& [caller, line] = *each++;  // `fail` takes it out
    if (line.patience && now >= *line.patience) fail(caller, "no command was received");
  }
}

std::optional<Clock::time_point> ControlSocket::due() const noexcept {
  std::optional<Clock::time_point> first = accept_due_;
  if (resend_due_ && (!first || *resend_due_ < *first)) first = resend_due_;
  for (const auto& [caller, line] : callers_) {
    if (line.patience && (!first || *line.patience < *first)) first = line.patience;
  }
  return first;
}

ControlSocket::Caller ControlSocket::adopt(support::UniqueFd fd) {
  return add({std::move(fd), std::nullopt}, EPOLLRDHUP);
}

/// One that cannot be watched is gone at once.
ControlSocket::Caller ControlSocket::add(Line line, std::uint32_t events) {
  const Caller caller = ++last_;
  if (watch(EPOLL_CTL_ADD, line.fd.get(), caller, events))
    callers_.emplace(caller, std::move(line));
  return caller;
}

int ControlSocket::fd_of(Caller caller) const noexcept {
  const auto found = callers_.find(caller);
  return found == callers_.end() ? -1 : found->second.fd.get();
}

void ControlSocket::say(Caller caller, std::string_view text) noexcept {
  send(caller, ControlMessage::Kind::text, text);
}

void ControlSocket::succeed(Caller caller, std::string_view text) noexcept {
  send(caller, ControlMessage::Kind::success, text);
}

void ControlSocket::fail(Caller caller, std::string_view text) noexcept {
  send(caller, ControlMessage::Kind::failure, text);
}

void ControlSocket::send(Caller caller, ControlMessage::Kind kind, std::string_view text) noexcept {
  const auto found = callers_.find(caller);
  if (found == callers_.end() || found->second.told) return;
  Line& line = found->second;
  text = text.substr(0, kMostControlText);
  line.told = kind != ControlMessage::Kind::text;
  if (line.told) line.patience.reset();
  const Put put = line.unsent.empty() ? try_put(line.fd.get(), kind, text) : Put::later;
  if (put == Put::later && line.unsent.size() < kMostUnsent) {
    line.unsent.push_back({kind, std::string(text)});
    if (!resend_due_) resend_due_ = Clock::time_point{};  // at once, then with pauses
  } else if (put != Put::sent || line.told) {
    callers_.erase(found);
  }
}

void ControlSocket::resend_all(Clock::time_point now) noexcept {
  resend_due_.reset();
  for (auto each = callers_.begin(); each != callers_.end();) {
    const auto found = each++;  // it may be taken out
    Line& line = found->second;
    if (line.unsent.empty()) continue;
    if (!line.unread_since) line.unread_since = now;
    if (now - *line.unread_since >= kPatience) {
      callers_.erase(found);
    } else if (resend(found)) {
      resend_due_ = now + kResendPause;
    }
  }
}

/// Returns true if messages are left.
bool ControlSocket::resend(Lines::iterator found) noexcept {
  Line& line = found->second;
  while (!line.unsent.empty()) {
    const ControlMessage& message = line.unsent.front();
    const Put put = try_put(line.fd.get(), message.kind, message.text);
    if (put == Put::later) return true;
    if (put == Put::gone) break;
    line.unsent.pop_front();
    line.unread_since.reset();
  }
  if (line.told || !line.unsent.empty()) callers_.erase(found);
  return false;
}

}  // namespace appd::supervisor
