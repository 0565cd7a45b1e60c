// Plays an input as the life of a connection, and checks what the front receives.
#pragma once

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/front_protocols.hpp"
#include "runtime/net/server.hpp"

/// A connection's whole life as a script: what its front, the application and the loop do, one step
/// after the other on one thread. What must hold is asked from outside.
namespace appd::fuzz {

class Silent final : public gateway::Reporter {
 public:
  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent, std::string_view) noexcept override {}
  bool wants_access() const noexcept override { return true; }
  void access(const gateway::AccessRecord&) noexcept override { ++accesses; }

  std::size_t accesses = 0;
};

/// Keeps what is submitted, and what is to be notified, until the script comes to it.
class HandWorked final : public net::Dispatcher {
 public:
  bool submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept override {
    if (queued.size() >= 3) return false;
    ++submitted;
    queued.push_back(exchange);
    return true;
  }
  bool saturated() const noexcept override { return false; }
  void notify(std::shared_ptr<net::Connection> connection) noexcept override {
    seen = connection;
    notified.push_back(std::move(connection));
    ++words;
  }
  void notify_later(std::shared_ptr<net::Connection> connection) noexcept override {
    seen = connection;
    later.push_back(std::move(connection));
  }
  void schedule_flush(std::shared_ptr<net::Connection> connection) noexcept override {
    seen = connection;
    holding.push_back(std::move(connection));
    ++words;
  }

  std::deque<std::shared_ptr<net::WireExchange>> queued;
  std::vector<std::shared_ptr<net::Connection>> notified;
  std::vector<std::shared_ptr<net::Connection>> later;
  std::vector<std::shared_ptr<net::Connection>> holding;
  std::weak_ptr<net::Connection> seen;
  std::size_t submitted = 0;
  std::size_t words = 0;
};

/// The bytes of a script, as choices.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}

  bool left() const noexcept { return !bytes_.empty(); }
  unsigned byte() noexcept {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  template <typename T, std::size_t N>
  T of(const std::array<T, N>& values) noexcept {
    return values[byte() % N];
  }
  std::string_view take(std::size_t most) noexcept {
    const std::string_view taken = bytes_.substr(0, most);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

class ConnectionScript {
 public:
  explicit ConnectionScript(std::string_view script)
      : script_(script), options_(choose_options()), server_(loop_, options_, pool_, reporter_) {
    std::signal(SIGPIPE, SIG_IGN);  // as appd does
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      std::abort();
    }
    for (const int end : ends) {
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketRoom, sizeof kSocketRoom);
    }
    front_.reset(ends[0]);
    server_.adopt(support::UniqueFd(ends[1]), {});
  }
  ~ConnectionScript() {
    server_.stop();
    pool_.queued.clear();
  }

  /// "", or what did not hold.
  std::string play() {
    for (int steps = 0; script_.left() && steps < 200 && wrong_.empty(); ++steps) step();
    if (wrong_.empty()) end();
    if (wrong_.empty()) account();
    return wrong_;
  }

 private:
  struct Call {
    std::shared_ptr<net::WireExchange> exchange;
    std::size_t read = 0;
    bool ended = false;  // its response, or its front is gone
  };

  static constexpr int kSocketRoom = 16 * 1024;
  /// What one stream may keep, and what one read of requests can provoke.
  static constexpr std::size_t kMostBeyond = 1 << 20;
  static constexpr std::array<std::size_t, 4> kBodies{0, 100, 3000, 100'000};
  static constexpr std::array<std::size_t, 4> kSome{1, 200, 3000, 60'000};
  static constexpr std::array<std::size_t, 5> kResponses{0, 100, 3000, 100'000, 700'000};

  net::ServerOptions choose_options() {
    net::ServerOptions options;
    speech_ = script_.of(test::kSpeeches);
    options.body_buffer = script_.of(std::array<std::size_t, 3>{100, 2000, 1 << 20});
    const unsigned bits = script_.byte();
    options.spool_bodies = (bits & 0x11) == 0x11;
    options.send_error_text = (bits & 2) != 0;
    options.outgoing_memory = (bits & 4) != 0 ? 50'000 : 64 << 20;
    ends_friendly_ = (bits & 8) == 0;
    options.max_body = (bits & 0x60) == 0x60 ? 50'000 : 0;
    return options;
  }

  // -- Steps

  void step() {
    switch (script_.byte() % 24) {
      case 0:
        return ask();
      case 1:
        return send_body();
      case 2:
        return to_front(test::wire::stdin_of(id(), ""));
      case 3:
        return to_front(test::wire::abort_request(id()));
      case 4:
        return manage();
      case 5:
        return to_front(std::string(script_.take(script_.byte() % 40)));
      case 6:
      case 7:
        return rest_and_look();
      case 8:
        return receive(script_.of(kSome));
      case 9:
        return receive(1 << 22);
      case 10:
      case 11:
        return start_call();
      case 12:
        return read(script_.of(kSome));
      case 13:
        return stream(script_.of(kResponses));
      case 14:
        return respond(script_.of(kResponses));
      case 15:
        return break_off();
      case 16:
        return finish();
      case 17:
        return refuse();
      case 18:
        ::shutdown(front_.get(), SHUT_WR);
        sending_over_ = true;
        unsent_.clear();
        return;
      case 19:
        if (script_.byte() % 4 == 0) leave();
        return;
      case 20:
        if (script_.byte() % 4 == 0) server_.drain([] {});
        return;
      case 21:
        return respond_instead();
      case 22:
        return turn();
      case 23:
        return send_file();
    }
  }

  unsigned id() { return 1 + script_.byte() % 3; }

  void ask() {
    test::Asked asked;
    asked.id = test::is_fastcgi(speech_) ? id() : 1;
    asked.method = "POST";
    const unsigned shape = script_.byte();
    const std::size_t length = kBodies[shape % kBodies.size()];
    asked.length = (shape & 0x1c) == 0x1c ? "" : std::to_string(length);
    std::string bytes = request(speech_, asked);
    if (test::is_fastcgi(speech_)) bytes.resize(bytes.size() - 8);  // STDIN's end is a step
    to_front(bytes);
    if ((shape & 0x60) == 0x60) to_front(body(length));
  }
  std::string body(std::size_t size) {
    const std::string bytes(size, 'b');
    return test::is_fastcgi(speech_) ? test::fastcgi_stdin(id(), bytes) : bytes;
  }
  void send_body() { to_front(body(script_.of(kSome))); }
  void manage() {
    const std::string values = test::wire::fastcgi_pairs({{"FCGI_MAX_REQS", ""}});
    const unsigned kind = script_.byte();
    const std::string once = kind % 3 == 0   ? test::wire::record(9, 0, values)
                             : kind % 3 == 1 ? test::wire::record(77, 0, "")
                                             : test::wire::begin(id(), test::wire::kKeep, 2);
    std::string bytes;
    for (unsigned i = 0; i <= kind; ++i) bytes += once;
    to_front(bytes);
  }

  /// Each sends when there is room for it, as fronts do.
  void to_front(std::string bytes) {
    if (sending_over_ || !front_) return;
    if (unsent_.size() < 1 << 20) unsent_ += bytes;
    push();
  }
  void push() {
    while (front_ && !unsent_.empty()) {
      const ssize_t n = ::send(front_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        if (n < 0 && errno != EAGAIN) unsent_.clear();
        return;
      }
      unsent_.erase(0, static_cast<std::size_t>(n));
      moved_ += static_cast<std::size_t>(n);
    }
  }
  void receive(std::size_t most) {
    std::array<char, 65536> buffer;
    while (front_ && most > 0) {
      const ssize_t n = ::recv(front_.get(), buffer.data(), std::min(most, buffer.size()), 0);
      if (n <= 0) return;
      most -= static_cast<std::size_t>(n);
      moved_ += static_cast<std::size_t>(n);
    }
  }
  void leave() {
    front_.reset();
    unsent_.clear();
  }

  void start_call() {
    while (!pool_.queued.empty()) {
      std::shared_ptr<net::WireExchange> next = std::move(pool_.queued.front());
      pool_.queued.pop_front();
      if (!next->try_start(loop_.now())) {
        ++given_up_;
        continue;
      }
      ++started_;
      calls_.push_back({std::move(next)});
      return;
    }
  }
  Call* call() {
    if (calls_.empty()) return nullptr;
    Call& chosen = calls_[script_.byte() % calls_.size()];
    if (chosen.exchange->front_gone()) chosen.ended = true;
    return &chosen;
  }
  void read(std::size_t most) {
    if (Call* one = call()) read_of(*one, most);
  }
  /// False: there is nothing to read now.
  bool read_of(Call& one, std::size_t most) {
    buffer_.resize(most);
    const gateway::BodyRead got = one.exchange->try_read_body(buffer_);
    one.read += got.bytes;
    return got.status == gateway::BodyStatus::data;
  }
  void stream(std::size_t size) {
    if (Call* one = call()) send(*one, size, gateway::End::more);
  }
  void respond(std::size_t size) {
    if (Call* one = call()) send(*one, size, gateway::End::last);
  }
  void send(Call& one, std::size_t size, gateway::End end) {
    if (one.ended) return;
    const gateway::ResponseHead head{"200 OK", {}};
    const std::string_view bytes = std::string_view(content()).substr(0, size);
    if (size == 100) one.exchange->send_error_text("error");
    const gateway::Sent sent = one.exchange->send(one.exchange->head_sent() ? nullptr : &head,
                                                  std::span(&bytes, 1), end, nullptr);
    one.ended = end == gateway::End::last || sent.status == gateway::SendStatus::gone;
  }
  void send_file() {
    Call* one = call();
    if (one == nullptr || one->ended) return;
    const gateway::ResponseHead head{"200 OK", {}};
    support::UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
    if (::ftruncate(file.get(), 90'000) != 0) return;
    one->exchange->send_file(one->exchange->head_sent() ? nullptr : &head,
                             {std::move(file), 0, script_.byte() == 7 ? 95'000U : 90'000U});
    one->ended = true;
  }
  void break_off() {
    Call* one = call();
    if (one == nullptr || one->ended || !one->exchange->head_sent()) return;
    one->exchange->break_off();
    one->ended = true;
  }
  void finish() {
    Call* one = call();
    if (one == nullptr || !one->ended) return;
    one->exchange->finish();
    calls_.erase(calls_.begin() + (one - calls_.data()));
    ++finished_;
  }
  void refuse() {
    if (pool_.queued.empty()) return;
    const auto late = std::move(pool_.queued.front());
    pool_.queued.pop_front();
    ++given_up_;
    net::Connection::refuse(*late, "too late");
  }
  void respond_instead() {
    Call* one = call();
    if (one == nullptr || one->ended) return;
    server_.respond_instead(one->exchange.get());
  }

  // -- The loop

  void turn() {
    const auto now = std::exchange(pool_.notified, {});
    for (const auto& connection : now) connection->on_notified();
    loop_.wake();
    loop_.run_one();
    for (const auto& connection : std::exchange(pool_.later, {})) connection->on_notified();
  }
  /// Until there is nothing more to do.
  void rest() {
    std::size_t still = 0;
    for (int turns = 0; still < 4; ++turns) {
      if (turns > 5000) {
        wrong_ = "the loop does not come to rest";
        return;
      }
      const auto before = in_sight();
      for (const auto& connection : std::exchange(pool_.holding, {})) connection->send_held();
      turn();
      still = before == in_sight() ? still + 1 : 0;
    }
  }
  using Sight = std::array<std::size_t, 5>;
  Sight in_sight() const {
    return {unread_input(), unread_output(), pool_.words, pool_.submitted, server_.connections()};
  }
  std::size_t unread_input() const { return in_socket(SIOCOUTQ); }
  std::size_t unread_output() const { return in_socket(FIONREAD); }
  std::size_t in_socket(unsigned long what) const {
    int size = 0;
    if (front_) ::ioctl(front_.get(), what, &size);
    return static_cast<std::size_t>(size);
  }
  bool open() const { return server_.connections() > 0; }

  // -- What must hold

  void rest_and_look() {
    push();
    rest();
    if (!wrong_.empty() || !open()) return;
    const bool unsent = server_.outgoing_memory().used() > 0 || blocked();
    if (unsent && front_ && unread_output() == 0) {
      wrong_ = "the socket has room, and something waits to be sent";
    } else if (unread_input() > 0 && !reader_is_due() && !(unsent && unread_output() > 0)) {
      wrong_ = "input waits, and nobody is due to make it wanted";
    } else if (!front_) {
      wrong_ = "the front is gone, and its connection is not";
    } else if (server_.outgoing_memory().used() > options_.outgoing_memory + kMostBeyond) {
      wrong_ = "too much waits in memory";
    }
  }
  bool blocked() const {
    const auto connection = pool_.seen.lock();
    return connection && connection->outbox().blocked();
  }
  /// A call that may read has more than half a buffer before it.
  bool reader_is_due() const {
    const auto full = [this](net::WireExchange& exchange, std::size_t read) {
      return !exchange.answered() && exchange.body().arrived() - read > options_.body_buffer / 2;
    };
    return std::any_of(calls_.begin(), calls_.end(),
                       [&](const Call& one) { return full(*one.exchange, one.read); }) ||
           std::any_of(pool_.queued.begin(), pool_.queued.end(),
                       [&](const auto& one) { return full(*one, 0); });
  }

  /// All that run come back; the front reads and sends all it has, or nothing any more.
  void end() {
    rest_and_look();
    std::size_t before = 0;
    for (int rounds = 0; wrong_.empty(); ++rounds) {
      before = moved_ + finished_ + started_;
      if (ends_friendly_) push();
      end_calls();
      rest_and_look();
      if (ends_friendly_) receive(1 << 24);
      if (!wrong_.empty()) return;
      rest_and_look();
      if (moved_ + finished_ + started_ == before && rounds > 2) break;
      if (rounds > 2000) wrong_ = "it does not end";
    }
    if (!wrong_.empty() || !open()) return;
    if (!ends_friendly_) return pass_time();
    if (!unsent_.empty()) wrong_ = "the front cannot send the rest";
    if (unread_input() > 0) wrong_ = "the rest is not read";
    if (blocked() || server_.outgoing_memory().used() > 0) wrong_ = "a response is not sent";
  }
  void end_calls() {
    do {
      start_call();
      while (!calls_.empty()) {
        Call& one = calls_.back();
        if (ends_friendly_) {
          while (read_of(one, 50'000)) continue;
        }
        if (one.exchange->front_gone()) one.ended = true;
        send(one, 10, gateway::End::last);
        one.exchange->finish();
        calls_.pop_back();
        ++finished_;
      }
    } while (!pool_.queued.empty());
  }
  /// Of a front that does nothing any more, nothing is waited for for ever.
  void pass_time() {
    const auto connection = pool_.seen.lock();
    if (!connection) return;
    for (int hours = 1; hours < 10 && open(); ++hours) {
      connection->check_deadline(loop_.now() + std::chrono::hours(hours));
      rest();
      end_calls();
    }
    if (open() && (unread_input() > 0 || blocked())) wrong_ = "no deadline ends it";
  }
  /// Nothing that was begun is lost.
  void account() {
    if (!calls_.empty() || !pool_.queued.empty()) wrong_ = "a call is left";
    if (pool_.submitted != started_ + given_up_) wrong_ = "a request is not accounted for";
    if (started_ != finished_) wrong_ = "a call did not come back";
    if (reporter_.accesses < pool_.submitted - given_up_) wrong_ = "an access line is missing";
    server_.stop();
    rest();
    if (open()) wrong_ = "a connection outlives the server's stop";
    if (server_.outgoing_memory().used() != 0) wrong_ = "memory is not given back";
  }
  static const std::string& content() {
    static const std::string bytes(700'000, 'a');
    return bytes;
  }

  Choices script_;
  test::Speech speech_ = test::Speech::fastcgi_kept;
  bool ends_friendly_ = true;
  net::ServerOptions options_;
  net::EventLoop loop_;
  HandWorked pool_;
  Silent reporter_;
  net::Server server_;
  support::UniqueFd front_;
  std::string unsent_;  // by the front, whose socket is full
  bool sending_over_ = false;
  std::vector<Call> calls_;
  std::vector<char> buffer_;
  std::size_t moved_ = 0;
  std::size_t started_ = 0;
  std::size_t finished_ = 0;
  std::size_t given_up_ = 0;
  std::string wrong_;
};

inline std::string check_connection(std::string_view script) {
  return ConnectionScript(script).play();
}

}  // namespace appd::fuzz
