#include "runtime/net/server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace appd::net {
namespace {

/// Large enough that a part-filled read means an empty socket and bodies come in few calls.
constexpr std::size_t kReadBuffer = 256 * 1024;
/// Connections taken in a row before requests get their turn.
constexpr int kAcceptTurns = 8;
constexpr std::size_t kSpareExchanges = 64;
constexpr std::chrono::milliseconds kWatchInterval{250};
constexpr std::chrono::milliseconds kAcceptPause{200};

bool is_local(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct Server::Listener {
  Listener(boost::asio::io_context& loop, support::UniqueFd fd)
      : local(is_local(fd.get())), socket(loop, fd.release()), pause(loop) {}

  const bool local;
  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer pause;
  bool reported = false;
};

Server::Server(boost::asio::io_context& loop, ServerOptions options, Dispatcher& dispatcher,
               gateway::Reporter& reporter)
    : loop_(loop),
      options_(std::move(options)),
      dispatcher_(dispatcher),
      reporter_(reporter),
      watch_timer_(loop),
      read_buffer_(kReadBuffer) {}

Server::~Server() = default;

void Server::listen(support::UniqueFd socket) {
  listeners_.push_back(std::make_shared<Listener>(loop_, std::move(socket)));
  accept_on(listeners_.back());
}

void Server::drain(std::function<void()> on_done) {
  on_drained_ = std::move(on_done);
  draining_.store(true);
  // What already waits in a backlog would be lost with the last listening socket.
  for (const auto& listener : listeners_) {
    while (accept_one(*listener)) {
    }
  }
  stop_listening();
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->drain();
  if (connections_.empty() && on_drained_) std::exchange(on_drained_, {})();
}

void Server::stop() {
  stop_listening();
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->close();
  watched_.clear();
  watch_timer_.cancel();
}

void Server::stop_listening() {
  // What the loop has under way for a listener keeps it alive, and finds it closed.
  for (const auto& listener : listeners_) {
    listener->socket.close();
    listener->pause.cancel();
  }
  listeners_.clear();
}

std::shared_ptr<WireExchange> Server::take_exchange() {
  // The one given back last is the warmest; one that a pool thread has not let go of yet stays.
  for (std::size_t i = spare_.size(); i-- > 0;) {
    if (!spare_[i]->free() || spare_[i].use_count() != 1) continue;
    std::shared_ptr<WireExchange> exchange = std::move(spare_[i]);
    spare_.erase(spare_.begin() + static_cast<std::ptrdiff_t>(i));
    exchange->reset();
    return exchange;
  }
  return std::make_shared<WireExchange>();
}

void Server::give_back(std::shared_ptr<WireExchange> exchange) {
  if (spare_.size() < kSpareExchanges) spare_.push_back(std::move(exchange));
}

void Server::watch(std::shared_ptr<Connection> connection) {
  watched_.push_back(std::move(connection));
  if (!watch_armed_) arm_watch();
}

void Server::forget(const std::shared_ptr<Connection>& connection) {
  connections_.erase(connection);
  if (draining_.load() && connections_.empty() && on_drained_) std::exchange(on_drained_, {})();
}

void Server::accept_on(const std::shared_ptr<Listener>& listener) {
  listener->socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this, listener](boost::system::error_code error) {
                                if (!error && listener->socket.is_open()) accept_some(listener);
                              });
}

void Server::accept_some(const std::shared_ptr<Listener>& listener) {
  for (int turn = 0; turn < kAcceptTurns && accept_one(*listener); ++turn) {
  }
  if (out_of_resources(accept_error_)) {
    pause_accepting(listener, accept_error_);
  } else {
    accept_on(listener);
  }
}

bool Server::accept_one(Listener& listener) {
  support::UniqueFd fd;
  do {
    fd.reset(
        ::accept4(listener.socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    accept_error_ = fd ? 0 : errno;
  } while (accept_error_ == EINTR || accept_error_ == ECONNABORTED);
  if (!fd) return false;
  listener.reported = false;
  if (!listener.local) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto connection = std::make_shared<Connection>(
      *this, boost::asio::posix::stream_descriptor(loop_, fd.release()), listener.local);
  connections_.insert(connection);
  connection->start();
  return true;
}

void Server::pause_accepting(const std::shared_ptr<Listener>& listener, int error) {
  if (!std::exchange(listener->reported, true)) {
    reporter_.report(
        gateway::Level::error,
        fmt::format("cannot accept connections: {} ({} are open); raise the limit of open "
                    "files (LimitNOFILE= in a systemd unit, ulimit -n)",
                    std::strerror(error), connections_.size()));
  }
  listener->pause.expires_after(kAcceptPause);
  listener->pause.async_wait([this, listener](boost::system::error_code failed) {
    if (!failed && listener->socket.is_open()) accept_on(listener);
  });
}

void Server::arm_watch() {
  watch_armed_ = true;
  watch_timer_.expires_after(kWatchInterval);
  watch_timer_.async_wait([this](boost::system::error_code error) {
    watch_armed_ = false;
    if (!error) check_deadlines();
  });
}

void Server::check_deadlines() {
  const auto now = Connection::Clock::now();
  std::vector<std::shared_ptr<Connection>> watched = std::exchange(watched_, {});
  for (auto& connection : watched) {
    if (connection->check_deadline(now)) watched_.push_back(std::move(connection));
  }
  if (!watched_.empty() && !watch_armed_) arm_watch();
}

}  // namespace appd::net
