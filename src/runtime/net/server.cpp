// Accepts connections, sweeps their deadlines, and drains.

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

#include "runtime/support/release_pages.hpp"

namespace appd::net {
namespace {

constexpr std::size_t kSpareExchanges = 64;
constexpr std::chrono::milliseconds kWatchInterval{250};
constexpr std::chrono::milliseconds kAcceptPause{200};
/// Between lines that say why nothing is accepted.
constexpr std::chrono::seconds kReportInterval{10};
/// Connections that fail in a row before a listener pauses.
constexpr int kAcceptAttempts = 16;
constexpr std::string_view kRaiseTheLimit =
    "; raise the limit of open files (LimitNOFILE= in a systemd unit, ulimit -n)";
constexpr std::size_t kDefaultConnections = 768;
constexpr std::size_t kMostForOthers = 1024;
/// Until a connection is tried again that the kernel had no memory for.
constexpr std::chrono::milliseconds kMemoryPause{10};
/// Until connections are tried again that the handover queue had no room for.
constexpr std::chrono::milliseconds kHandoverPause{5};
/// Until what belonged to responses is free: a thread with the interpreter has to let go of it.
constexpr std::chrono::seconds kTrimPause{1};

bool is_local(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE;
}

/// The connection that was next has failed, and not accept: see accept(2).
bool only_this_one_failed(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
         error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
         error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH || error == ETIMEDOUT;
}

/// A part of the descriptors is the application's: its files, databases, and what requests and
/// responses are kept in.
std::size_t connections_for(std::size_t option) {
  if (option > 0) return option;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kDefaultConnections;
  const auto files = static_cast<std::size_t>(limit.rlim_cur);
  return std::max<std::size_t>(files - std::min(files / 4, kMostForOthers), 1);
}

}  // namespace

/// One listening socket. A connection is taken at a time, and its request run, before the next:
/// what this worker does not take another may.
class Server::Listener final : public Watcher {
 public:
  Listener(Server& server, support::UniqueFd fd)
      : server_(server),
        socket_(std::move(fd)),
        local_(is_local(socket_.get())),
        watch_(server.loop_, socket_.get(), *this),
        pause_(server.loop_, [this] { listen(); }) {
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
  // Exclusive: of the workers that wait, one is woken by a connection.
  void listen() { watch_.want(EPOLLIN | EPOLLEXCLUSIVE); }
  bool accept_one();
  bool one_waits() const;
  support::UniqueFd try_accept();
  void pause(std::string_view why);

  Server& server_;
  support::UniqueFd socket_;
  const bool local_;
  EventLoop::Watch watch_;
  EventLoop::Timer pause_;
};

Server::Server(EventLoop& loop, ServerOptions options, Dispatcher& dispatcher,
               gateway::Reporter& reporter, Peers* peers)
    : loop_(loop),
      options_(std::move(options)),
      dispatcher_(dispatcher),
      reporter_(reporter),
      outgoing_memory_(options_.outgoing_memory, options_.spool_dir, options_.spool_quota,
                       reporter),
      peers_(peers),
      max_connections_(connections_for(options_.max_connections)),
      watch_timer_(loop, [this] { check_deadlines(); }),
      handover_timer_(loop, [this] { notify_connections(); }),
      memory_timer_(loop,
                    [this] {
                      for (const auto& each : std::exchange(waiting_for_memory_, {})) {
                        each->try_again();
                      }
                    }),
      trim_timer_(loop, [] { support::release_free_heap_pages(); }),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBuffer)) {}

Server::~Server() = default;

void Server::listen(support::UniqueFd socket) {
  listeners_.push_back(std::make_unique<Listener>(*this, std::move(socket)));
}

void Server::respond_instead(const WireExchange* running) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const std::shared_ptr<Connection> connection = connections_[i];  // it may close itself
    if (connection->try_respond_instead(*running)) return;
  }
}

void Server::drain(std::function<void()> on_done, HandOver hand_over) {
  const bool begins = !draining_.exchange(true);
  hand_over_ = std::move(hand_over);
  for (const auto& listener : listeners_) listener->accept_all();
  listeners_.clear();
  // Not before: of those that have just come, the first may be gone when the next is accepted.
  if (begins) on_drained_ = std::move(on_done);
  drain_connections();
  if (connections_.empty() && on_drained_) std::exchange(on_drained_, {})();
}

void Server::drain_connections() {
  const std::vector<std::shared_ptr<Connection>> all = connections_;
  for (const auto& connection : all) connection->drain();
}

void Server::notify_connections() {
  const std::vector<std::shared_ptr<Connection>> all = connections_;
  for (const auto& connection : all) connection->on_notified();
}

bool Server::hand_over(int socket) {
  if (hand_over_(socket)) return true;
  if (!handover_timer_.armed()) handover_timer_.expire_after(kHandoverPause);
  return false;
}

void Server::stop() {
  listeners_.clear();
  const std::vector<std::shared_ptr<Connection>> all = connections_;
  for (const auto& connection : all) connection->close();
  watched_.clear();
  waiting_for_memory_.clear();
  watch_timer_.cancel();
  handover_timer_.cancel();
  memory_timer_.cancel();
  trim_timer_.cancel();
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
  if (!watch_timer_.armed()) watch_timer_.expire_after(kWatchInterval);
}

void Server::try_again_later(std::shared_ptr<Connection> connection) {
  waiting_for_memory_.push_back(std::move(connection));
  if (!memory_timer_.armed()) memory_timer_.expire_after(kMemoryPause);
}

void Server::forget(Connection& connection) {
  connections_.back()->set_place(connection.place());
  std::swap(connections_[connection.place()], connections_.back());
  connections_.pop_back();
  if (full_) set_full(false);
  if (draining_.load() && connections_.empty() && on_drained_) std::exchange(on_drained_, {})();
}

bool Server::Listener::accept_one() {
  support::UniqueFd fd = try_accept();
  if (!fd) return false;
  server_.set_full(false);
  if (!server_.admits(fd.get(), local_)) return true;
  // While every thread here is busy another worker may answer sooner.
  const bool given = server_.dispatcher_.saturated() && server_.give_away(fd.get(), {});
  if (!given) server_.open(std::move(fd), local_);
  return true;
}

/// The next connection, if one waits and there is room for it, or can be made; pauses if not.
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
    // One closed in vain must do: who has taken its descriptor takes the next as well.
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
  if (loop_.now() < next_report_) return;
  next_report_ = loop_.now() + kReportInterval;
  reporter_.report(gateway::LogEvent::accept_failed,
                   fmt::format("{} ({} are open)", what, connections_.size()));
}

bool Server::make_room() {
  const bool made = idle_.close_one(connections_, loop_.now());
  if (!made) set_full(true);
  return made;
}

bool Server::make_room_for_given() {
  if (make_room()) return true;
  report_trouble(fmt::format(
      "a connection that another worker has given waits for a free descriptor{}", kRaiseTheLimit));
  return false;
}

/// Others give nothing to a worker that is full, and a listener that has paused is not waited for.
void Server::set_full(bool full) {
  if (std::exchange(full_, full) == full) return;
  if (peers_ != nullptr) peers_->set_full(full);
  if (full) return;
  for (const auto& listener : listeners_) listener->resume();
}

void Server::adopt(support::UniqueFd socket, std::string_view bytes) {
  const bool local = is_local(socket.get());
  open(std::move(socket), local, bytes);
  set_full(false);
  if (at_limit()) make_room();
}

void Server::inherit(support::UniqueFd socket, std::string_view bytes) {
  if (admits(socket.get(), is_local(socket.get()))) adopt(std::move(socket), bytes);
}

bool Server::admits(int socket, bool local) {
  const std::optional<std::string> refusal = options_.admission.refusal(socket, local);
  if (!refusal) return true;
  reporter_.report(gateway::LogEvent::connection_not_admitted,
                   fmt::format("a connection was closed: {}", *refusal));
  return false;
}

void Server::open(support::UniqueFd socket, bool local, std::string_view first) {
  if (!local) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto connection = std::make_shared<Connection>(*this, std::move(socket), local);
  connection->set_place(connections_.size());
  connections_.push_back(connection);
  connection->start(first);
  if (draining()) connection->drain();
}

void Server::check_deadlines() {
  std::vector<std::shared_ptr<Connection>> watched = std::exchange(watched_, {});
  for (auto& connection : watched) {
    if (connection->check_deadline(loop_.running_now())) watched_.push_back(std::move(connection));
  }
  // Who was slow to take a response is watched, so this comes after the last of them.
  if (outgoing_memory_.take_ebb()) trim_timer_.expire_after(kTrimPause);
  if (!watched_.empty()) watch_timer_.expire_after(kWatchInterval);
}

}  // namespace appd::net
