// Accepts connections, makes room for them, and drains.

#include "runtime/net/server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/net/connection.hpp"
#include "runtime/net/socket_ends.hpp"

namespace appd::net {
namespace {

constexpr std::chrono::milliseconds kAcceptPause{200};
/// The time between log lines that say why nothing is accepted.
constexpr std::chrono::seconds kReportInterval{10};
/// Connections that fail in a row before a listener pauses.
constexpr int kAcceptAttempts = 16;
constexpr std::string_view kRaiseTheLimit =
    "; raise the limit of open files (LimitNOFILE= in a systemd unit, ulimit -n)";
constexpr std::size_t kDefaultConnections = 768;
constexpr std::size_t kMostForOthers = 1024;

bool is_local(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE;
}

/// True if the connection that was next has failed, and not accept itself: see accept(2).
bool only_this_one_failed(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
         error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
         error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH || error == ETIMEDOUT;
}

/// Leaves a part of the descriptors to the application, for its files and databases, and to the
/// files that requests and responses are kept in.
std::size_t connections_for(std::size_t option) {
  if (option > 0) return option;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kDefaultConnections;
  const auto files = static_cast<std::size_t>(limit.rlim_cur);
  return std::max<std::size_t>(files - std::min(files / 4, kMostForOthers), 1);
}

}  // namespace

/// One listening socket. Takes one connection at a time and runs its request before it takes the
/// next: what this worker does not take, another may.
class Server::Listener final : public Watcher {
 public:
  Listener(Server& server, support::UniqueFd fd, Caller caller)
      : server_(server),
        socket_(std::move(fd)),
        caller_(caller),
        local_(is_local(socket_.get())),
        watch_(server.context_.loop, socket_.get(), *this),
        pause_(server.context_.loop, [this] { listen(); }) {
    listen();
  }

  void on_events(std::uint32_t) override {
    if (accept_one()) watch_.again();
  }
  void on_watch_failed(int error) override {
    pause(fmt::format("the kernel cannot watch the listening socket: {}", std::strerror(error)));
  }

  /// Takes what already waits: it would be lost with the last listening socket.
  void accept_all() {
    while (accept_one()) {
    }
  }
  /// A connection was closed: there is room for another.
  void resume() {
    if (!pause_.armed()) return;
    pause_.cancel();
    listen();
  }

 private:
  // Exclusive: a connection wakes one of the workers that wait.
  void listen() { watch_.want(EPOLLIN | EPOLLEXCLUSIVE); }
  bool accept_one();
  bool one_waits() const;
  support::UniqueFd try_accept();
  void pause(std::string_view why);

  Server& server_;
  support::UniqueFd socket_;
  const Caller caller_;
  const bool local_;
  EventLoop::Watch watch_;
  EventLoop::Timer pause_;
};

Server::Server(EventLoop& loop, ServerOptions options, Dispatcher& dispatcher,
               gateway::Reporter& reporter, Peers* peers)
    : context_(loop, std::move(options), dispatcher, reporter),
      other_workers_(context_, peers,
                     [this] { connections_.for_each([](Connection& c) { c.on_notified(); }); }),
      waiting_(loop, context_.outgoing_memory),
      workspace_(context_, connections_, waiting_, other_workers_),
      max_connections_(connections_for(context_.options.max_connections)) {
  connections_.set_on_removed([this] { on_connection_removed(); });
}

Server::~Server() = default;

void Server::listen(support::UniqueFd socket, Caller caller) {
  listeners_.push_back(std::make_unique<Listener>(*this, std::move(socket), caller));
}

void Server::respond_instead(const WireExchange* running) {
  const auto owner = connections_.find([&](const Connection& each) { return each.has(running); });
  if (owner) owner->respond_instead(*running);
}

void Server::drain(std::function<void()> on_done, Idle idle) {
  const bool begins = !context_.draining.exchange(true);
  other_workers_.drain(idle);
  for (const auto& listener : listeners_) listener->accept_all();
  listeners_.clear();
  // Only now: of the connections just accepted, the first may be gone before the next has come.
  if (begins) on_drained_ = std::move(on_done);
  connections_.tell_removals(true);
  connections_.for_each([](Connection& connection) { connection.drain(); });
  tell_when_drained();
}

void Server::tell_when_drained() {
  if (connections_.empty() && on_drained_) std::exchange(on_drained_, {})();
}

void Server::stop() {
  listeners_.clear();
  connections_.for_each([](Connection& connection) { connection.close(); });
  waiting_.stop();
  workspace_.kept_clients.stop();
  other_workers_.stop();
}

void Server::on_connection_removed() {
  if (full_) set_full(false);
  if (draining()) tell_when_drained();
}

bool Server::Listener::accept_one() {
  support::UniqueFd fd = try_accept();
  if (!fd) return false;
  server_.set_full(false);
  if (!server_.admits(fd.get(), local_)) return true;
  // While every thread of this worker is busy, another worker may answer sooner.
  const bool given =
      server_.context_.dispatcher.saturated() && server_.other_workers_.give(fd.get(), caller_, {});
  if (!given) server_.open(std::move(fd), local_, caller_);
  return true;
}

/// The next connection; empty if none waits. Pauses if accept fails or there is no room for one
/// more, and none can be made.
support::UniqueFd Server::Listener::try_accept() {
  if (server_.at_limit()) {
    if (!one_waits()) return {};
    if (!server_.make_room()) {
      pause("--max-connections is reached, and no connection is idle");
      return {};
    }
  }
  int error = 0;
  bool made_room = false;
  for (int attempt = 0; attempt < kAcceptAttempts; ++attempt) {
    support::UniqueFd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd || errno == EAGAIN || errno == EWOULDBLOCK) return fd;
    error = errno;
    if (only_this_one_failed(error)) continue;
    if (!out_of_descriptors(error)) break;
    // The kernel looks for a descriptor before it looks for a connection.
    if (!one_waits()) return {};
    // One closed in vain is enough: whoever took its descriptor would take the next as well.
    if (std::exchange(made_room, true) || !server_.make_room()) break;
  }
  pause(fmt::format("{}{}", std::strerror(error),
                    out_of_descriptors(error) ? kRaiseTheLimit : std::string_view()));
  return {};
}

bool Server::Listener::one_waits() const {
  pollfd state{socket_.get(), POLLIN, 0};
  return ::poll(&state, 1, 0) > 0;
}

void Server::Listener::pause(std::string_view why) {
  server_.report_trouble(fmt::format("cannot accept connections, will try again: {}", why));
  watch_.end();
  pause_.expire_after(kAcceptPause);
}

void Server::report_trouble(std::string_view what) {
  const auto now = context_.loop.now();
  if (now < next_report_) return;
  next_report_ = now + kReportInterval;
  context_.reporter.report(gateway::LogEvent::accept_failed,
                           fmt::format("{} ({} are open)", what, connections()));
}

bool Server::make_room() {
  const bool made = idle_.close_one(connections_.all(), context_.loop.now());
  if (!made) set_full(true);
  return made;
}

bool Server::make_room_for_given() {
  if (make_room()) return true;
  report_trouble(fmt::format("a connection from another worker is waiting for a free descriptor{}",
                             kRaiseTheLimit));
  return false;
}

/// Other workers give nothing to one that is full. Once it is not, its paused listeners go on at
/// once.
void Server::set_full(bool full) {
  if (std::exchange(full_, full) == full) return;
  connections_.tell_removals(full || draining());
  other_workers_.set_full(full);
  if (full) return;
  for (const auto& listener : listeners_) listener->resume();
}

void Server::adopt(support::UniqueFd socket, Caller caller, std::string_view bytes) {
  const bool local = is_local(socket.get());
  open(std::move(socket), local, caller, bytes);
  set_full(false);
  if (at_limit()) make_room();
}

void Server::take_over(support::UniqueFd socket, Caller caller, std::string_view bytes) {
  if (admits(socket.get(), is_local(socket.get()))) adopt(std::move(socket), caller, bytes);
}

bool Server::admits(int socket, bool local) {
  const std::optional<std::string> refusal = context_.options.admission.refusal(socket, local);
  if (!refusal) return true;
  context_.reporter.report(gateway::LogEvent::connection_not_admitted,
                           fmt::format("a connection was closed: {}", *refusal));
  return false;
}

void Server::open(support::UniqueFd socket, bool local, Caller caller, std::string_view first) {
  std::optional<protocol::HttpEnds> client;
  if (caller != Caller::front) {
    client = ends_of(socket.get());
    client->proxied = caller == Caller::proxied;
    // It has gone already. Without an address it would pass for one on a Unix socket.
    if (!local && client->client_address.empty()) return;
  }
  if (!local) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto connection =
      std::make_shared<Connection>(workspace_, std::move(socket), local, std::move(client));
  connections_.add(connection);
  connection->start(first);
  if (draining()) connection->drain();
}

}  // namespace appd::net
