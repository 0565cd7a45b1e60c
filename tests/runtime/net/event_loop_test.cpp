// Tests of watches, timers and posted work.

#include "runtime/net/event_loop.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

using namespace appd;
using namespace std::chrono_literals;
using net::EventLoop;

namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    near.reset(ends[0]);
    far.reset(ends[1]);
  }
  void send(std::string_view text) const {
    REQUIRE(::write(far.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  support::UniqueFd near;
  support::UniqueFd far;
};

/// Notes what it is told of its end of a pair.
struct Listener final : net::Watcher {
  explicit Listener(EventLoop& loop) : watch(loop, pair.near.get(), *this) {}

  void on_events(std::uint32_t events) override {
    ++told;
    last = events;
    if (then) then();
  }
  void on_watch_failed(int error) override {
    ++failed;
    last_error = error;
    if (on_failure) on_failure();
  }

  Pair pair;
  EventLoop::Watch watch;
  int told = 0;
  std::uint32_t last = 0;
  int failed = 0;
  int last_error = 0;
  std::function<void()> then;
  std::function<void()> on_failure;
};

constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;

/// Looks without waiting and tells all that is found.
void run_ready(EventLoop& loop) {
  for (int i = 0; i < 50; ++i) {
    loop.look();
    loop.post([] {});  // no turn waits
    loop.run_one();
  }
}

}  // namespace

TEST_SUITE("event loop") {
  TEST_CASE("a watch tells of input that comes, and of input that was there before it") {
    EventLoop loop;
    Listener early(loop);
    Listener late(loop);
    early.watch.want(kInput);
    late.pair.send("x");
    late.watch.want(kInput);
    run_ready(loop);
    CHECK(early.told == 0);
    CHECK(late.told == 1);
    CHECK((late.last & EPOLLIN) != 0);
    early.pair.send("x");
    run_ready(loop);
    CHECK(early.told == 1);
    CHECK(late.told == 1);
  }

  TEST_CASE("a change is told once, and again when the watch asks anew") {
    EventLoop loop;
    Listener listener(loop);
    listener.watch.want(kInput);
    listener.pair.send("x");
    run_ready(loop);
    run_ready(loop);
    CHECK(listener.told == 1);
    listener.watch.want(kInput | EPOLLOUT);
    CHECK(listener.watch.events() == (kInput | EPOLLOUT));
    run_ready(loop);
    CHECK(listener.told == 2);
    CHECK((listener.last & (EPOLLIN | EPOLLOUT)) == (EPOLLIN | EPOLLOUT));
  }

  TEST_CASE("the end of the other side is told") {
    EventLoop loop;
    Listener listener(loop);
    listener.watch.want(kInput);
    listener.pair.far.reset();
    run_ready(loop);
    CHECK((listener.last & EPOLLRDHUP) != 0);
    CHECK((listener.last & EPOLLHUP) != 0);
  }

  TEST_CASE("a watch that ended is told nothing, also of what was found before") {
    EventLoop loop;
    Listener one(loop);
    Listener other(loop);
    for (Listener* listener : {&one, &other}) {
      listener->watch.want(kInput);
      listener->pair.send("x");
    }
    // Both are found in one look; whoever is told first ends the other.
    one.then = [&] { other.watch.end(); };
    other.then = [&] { one.watch.end(); };
    run_ready(loop);
    CHECK(one.told + other.told == 1);
    CHECK(one.watch.events() + other.watch.events() == kInput);
  }

  TEST_CASE("a watch that ends before the loop has waited never begins") {
    EventLoop loop;
    Listener listener(loop);
    listener.pair.send("x");
    listener.watch.want(kInput);
    listener.watch.again();
    listener.watch.end();
    run_ready(loop);
    CHECK(listener.told == 0);
  }

  TEST_CASE("a watch ends also when another process has the descriptor open") {
    EventLoop loop;
    Listener listener(loop);
    listener.watch.want(kInput);
    run_ready(loop);
    Pair gate;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      gate.far.reset();
      pollfd until_told{gate.near.get(), POLLIN, 0};
      ::poll(&until_told, 1, 10'000);
      ::_exit(0);
    }
    listener.watch.end();
    listener.pair.near.reset();
    listener.pair.send("x");
    run_ready(loop);
    gate.far.reset();
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(listener.told == 0);
  }

  TEST_CASE("what has more takes turns with the others") {
    EventLoop loop;
    Listener greedy(loop);
    Listener modest(loop);
    greedy.then = [&] {
      if (greedy.told < 1000) greedy.watch.again();
    };
    modest.watch.want(kInput);
    greedy.watch.again();
    modest.pair.send("x");
    for (int i = 0; i < 100 && modest.told == 0; ++i) loop.run_one();
    CHECK(modest.told == 1);
    CHECK(greedy.told > 1);
    CHECK(greedy.told < 100);
  }

  TEST_CASE("asking for another turn twice gives one") {
    EventLoop loop;
    Listener listener(loop);
    listener.watch.again();
    listener.watch.again();
    run_ready(loop);
    CHECK(listener.told == 1);
  }

  TEST_CASE("a descriptor that cannot be watched is told as a failure, each time it is wanted") {
    EventLoop loop;
    struct Note final : net::Watcher {
      void on_events(std::uint32_t) override {}
      void on_watch_failed(int error) override {
        last = error;
        ++told;
        if (again) again();
      }
      int last = 0;
      int told = 0;
      std::function<void()> again;
    } note;
    support::UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));  // epoll takes no files
    EventLoop::Watch watch(loop, file.get(), note);
    watch.want(kInput);
    run_ready(loop);
    CHECK(note.told == 1);
    CHECK(note.last == EPERM);
    CHECK(watch.events() == 0);
    // Who wants it again at once has one more try in each turn, and stops nobody else.
    note.again = [&] { watch.want(kInput); };
    watch.want(kInput);
    Listener other(loop);
    other.watch.want(kInput);
    other.pair.send("x");
    run_ready(loop);
    CHECK(other.told == 1);
    CHECK(note.told > 1);
    CHECK(note.told < 150);
    note.again = nullptr;
  }

  TEST_CASE("tasks of other threads wake the loop and run in order") {
    EventLoop loop;
    std::vector<int> ran;
    for (int round = 0; round < 200; ++round) {
      std::thread other([&] {
        loop.post([&] { ran.push_back(1); });
        loop.post([&] { ran.push_back(2); });
      });
      while (ran.size() < static_cast<std::size_t>(2 * (round + 1))) loop.run_one();
      other.join();
    }
    for (std::size_t i = 0; i < ran.size(); ++i) CHECK(ran[i] == static_cast<int>(i % 2) + 1);
  }

  TEST_CASE("a wake before the wait ends that wait") {
    EventLoop loop;
    loop.wake();
    loop.run_one();  // would never return
    std::thread other([&] { loop.wake(); });
    loop.run_one();
    other.join();
  }

  TEST_CASE("a timer runs once, not before its time, and can be set again by its task") {
    EventLoop loop;
    int ran = 0;
    EventLoop::Timer* self = nullptr;
    EventLoop::Timer timer(loop, [&] {
      if (++ran < 3) self->expire_after(2ms);
    });
    self = &timer;
    const auto begun = EventLoop::Clock::now();
    timer.expire_after(1h);
    timer.expire_after(2ms);
    CHECK(timer.armed());
    while (ran < 3) loop.run_one();
    CHECK(EventLoop::Clock::now() - begun >= 6ms);
    CHECK_FALSE(timer.armed());
  }

  TEST_CASE("a cancelled timer does not run") {
    EventLoop loop;
    bool ran = false;
    bool other_ran = false;
    EventLoop::Timer timer(loop, [&] { ran = true; });
    EventLoop::Timer other(loop, [&] { other_ran = true; });
    timer.expire_after(1ms);
    other.expire_after(5ms);
    timer.cancel();
    while (!other_ran) loop.run_one();
    CHECK_FALSE(ran);
  }
}
