// Plays an input as the life of a connection, and checks what the front receives.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/front_protocols.hpp"
#include "fakes/usual_options.hpp"
#include "fuzz/choices.hpp"
#include "fuzz/hand_worked.hpp"
#include "fuzz/scripted_front.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/server.hpp"
#include "runtime/net/wire_exchange.hpp"
#include "runtime/support/unique_fd.hpp"

/// A connection's whole life as a script: what its front, the application and the loop do, one step
/// after the other on one thread. What must hold is asked from outside.
namespace appd::fuzz {

class ConnectionScript {
 public:
  explicit ConnectionScript(std::string_view script)
      : script_(script), options_(choose_options()), server_(loop_, options_, pool_, reporter_) {
    std::signal(SIGPIPE, SIG_IGN);  // as appd does
    server_.adopt(front_.take_other_end(), net::Caller::front, {});
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

  /// What one stream may keep, and what one read of requests can provoke.
  static constexpr std::size_t kMostBeyond = 1 << 20;
  static constexpr std::array<std::size_t, 4> kBodies{0, 100, 3000, 100'000};
  static constexpr std::array<std::size_t, 4> kSome{1, 200, 3000, 60'000};
  static constexpr std::array<std::size_t, 5> kResponses{0, 100, 3000, 100'000, 700'000};

  test::UsualOptions choose_options() {
    test::UsualOptions options;
    options.spool_dir = "/tmp";
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
        return front_.send(test::wire::stdin_of(id(), ""));
      case 3:
        return front_.send(test::wire::abort_request(id()));
      case 4:
        return manage();
      case 5:
        return front_.send(std::string(script_.take(script_.byte() % 40)));
      case 6:
      case 7:
        return rest_and_look();
      case 8:
        return front_.receive(script_.of(kSome));
      case 9:
        return front_.receive(1 << 22);
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
        return front_.end_sending();
      case 19:
        if (script_.byte() % 4 == 0) front_.leave();
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
    front_.send(bytes);
    if ((shape & 0x60) == 0x60) front_.send(body(length));
  }
  std::string body(std::size_t size) {
    const std::string bytes(size, 'b');
    return test::is_fastcgi(speech_) ? test::fastcgi_stdin(id(), bytes) : bytes;
  }
  void send_body() { front_.send(body(script_.of(kSome))); }
  void manage() {
    const std::string values = test::wire::fastcgi_pairs({{"FCGI_MAX_REQS", ""}});
    const unsigned kind = script_.byte();
    const std::string once = kind % 3 == 0   ? test::wire::record(9, 0, values)
                             : kind % 3 == 1 ? test::wire::record(77, 0, "")
                                             : test::wire::begin(id(), test::wire::kKeep, 2);
    std::string bytes;
    for (unsigned i = 0; i <= kind; ++i) bytes += once;
    front_.send(bytes);
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
  /// Returns false if there is nothing to read now.
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
    const auto file =
        std::make_shared<const support::UniqueFd>(::memfd_create("file", MFD_CLOEXEC));
    if (::ftruncate(file->get(), 90'000) != 0) return;
    one->exchange->send_file(one->exchange->head_sent() ? nullptr : &head,
                             {file, 0, script_.byte() == 7 ? 95'000U : 90'000U});
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
    return {front_.unread_input(), front_.unread_output(), pool_.words, pool_.submitted,
            server_.connections()};
  }
  bool open() const { return server_.connections() > 0; }

  // -- What must hold

  void rest_and_look() {
    front_.push();
    rest();
    if (!wrong_.empty() || !open()) return;
    const bool unsent = server_.outgoing_memory().used() > 0 || blocked();
    if (unsent && front_.there() && front_.unread_output() == 0) {
      wrong_ = "the socket has room, and something waits to be sent";
    } else if (front_.unread_input() > 0 && !reader_is_due() &&
               !(unsent && front_.unread_output() > 0)) {
      wrong_ = "input waits, and nobody is due to make it wanted";
    } else if (!front_.there()) {
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
      before = front_.moved() + finished_ + started_;
      if (ends_friendly_) front_.push();
      end_calls();
      rest_and_look();
      if (ends_friendly_) front_.receive(1 << 24);
      if (!wrong_.empty()) return;
      rest_and_look();
      if (front_.moved() + finished_ + started_ == before && rounds > 2) break;
      if (rounds > 2000) wrong_ = "it does not end";
    }
    if (!wrong_.empty() || !open()) return;
    if (!ends_friendly_) return pass_time();
    if (front_.has_unsent()) wrong_ = "the front cannot send the rest";
    if (front_.unread_input() > 0) wrong_ = "the rest is not read";
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
  /// Lets hours pass. No wait for an idle front is endless.
  void pass_time() {
    const auto connection = pool_.seen.lock();
    if (!connection) return;
    for (int hours = 1; hours < 10 && open(); ++hours) {
      connection->check_deadline(loop_.now() + std::chrono::hours(hours));
      rest();
      end_calls();
    }
    if (open() && (front_.unread_input() > 0 || blocked())) wrong_ = "no deadline ends it";
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
  test::UsualOptions options_;
  net::EventLoop loop_;
  HandWorked pool_;
  Silent reporter_;
  net::Server server_;
  ScriptedFront front_;
  std::vector<Call> calls_;
  std::vector<char> buffer_;
  std::size_t started_ = 0;
  std::size_t finished_ = 0;
  std::size_t given_up_ = 0;
  std::string wrong_;
};

inline std::string check_connection(std::string_view script) {
  return ConnectionScript(script).play();
}

}  // namespace appd::fuzz
