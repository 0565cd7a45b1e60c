// Tests of the account of CPU time and memory.

#include "bench/load/process_tree.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <thread>

namespace appd::load {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

void burn(clockid_t clock, nanoseconds time) {
  timespec begun{};
  timespec now{};
  ::clock_gettime(clock, &begun);
  do {
    ::clock_gettime(clock, &now);
  } while (std::chrono::seconds(now.tv_sec - begun.tv_sec) +
               nanoseconds(now.tv_nsec - begun.tv_nsec) <
           time);
}

void burn(nanoseconds time) {
  burn(CLOCK_THREAD_CPUTIME_ID, time);
}

/// A child process that runs its steps one by one, when it is told to.
class Child {
 public:
  explicit Child(const std::function<void(int step)>& run) {
    REQUIRE(::pipe(orders_.data()) == 0);
    REQUIRE(::pipe(reports_.data()) == 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    char byte{};
    // The parent's end of the pipe would keep it open.
    ::close(orders_[1]);
    for (int step = 0; ::read(orders_[0], &byte, 1) == 1; ++step) {
      run(step);
      if (::write(reports_[1], &byte, 1) != 1) break;
    }
    ::_exit(0);
  }
  ~Child() {
    ::close(orders_[1]);
    ::waitpid(pid_, nullptr, 0);
    for (int end : {orders_[0], reports_[0], reports_[1]}) ::close(end);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void step() {
    char byte = 'x';
    REQUIRE(::write(orders_[1], &byte, 1) == 1);
    REQUIRE(::read(reports_[0], &byte, 1) == 1);
  }
  pid_t pid() const { return pid_; }

 private:
  std::array<int, 2> orders_{};
  std::array<int, 2> reports_{};
  pid_t pid_ = -1;
};

/// A process that waits until it is killed.
pid_t fork_sleeper(nanoseconds burns_before) {
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) ::_exit(1);
  const pid_t pid = ::fork();
  if (pid == 0) {
    burn(burns_before);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte{};
  if (::read(ready[0], &byte, 1) != 1) ::_exit(1);
  ::close(ready[0]);
  ::close(ready[1]);
  return pid;
}

void end(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

/// Runs the next step and returns the CPU time it is said to have taken. What is exact is checked
/// from below, and from above against having been counted twice: a fork alone may cost some
/// milliseconds, under a sanitizer more.
nanoseconds cpu_of_step(Child& child) {
  const ProcessTree before = ProcessTree::measure(child.pid());
  child.step();
  return ProcessTree::measure(child.pid()).cpu_since(before);
}

/// For what is measured in ticks, and for what a process does besides.
constexpr nanoseconds kTolerance = 45ms;

}  // namespace

TEST_SUITE("process tree") {
  TEST_CASE("a process's own time is exact, and time asleep does not count") {
    Child child([](int step) {
      if (step == 0) burn(20ms);
      if (step == 1) std::this_thread::sleep_for(20ms);
    });
    const nanoseconds busy = cpu_of_step(child);
    CHECK(busy >= 20ms);
    CHECK(busy < 2 * 20ms);
    CHECK(cpu_of_step(child) < 20ms);
  }

  TEST_CASE("a thread that ended in between counts") {
    Child child([](int) { std::thread(static_cast<void (*)(nanoseconds)>(burn), 20ms).join(); });
    const nanoseconds used = cpu_of_step(child);
    CHECK(used >= 20ms);
    CHECK(used < 2 * 20ms);
  }

  TEST_CASE("a child and a grandchild that were started in between count") {
    pid_t sleeper = 0;
    Child child([&sleeper](int step) {
      if (step == 0) sleeper = fork_sleeper(30ms);
      if (step == 1) end(sleeper);
    });
    const nanoseconds used = cpu_of_step(child);
    CHECK(used >= 30ms);
    CHECK(used < 2 * 30ms);
    CHECK(ProcessTree::measure(child.pid()).running() == 2);
    CHECK(ProcessTree::measure(::getpid()).running() == 3);
    child.step();
    CHECK(ProcessTree::measure(child.pid()).running() == 1);
  }

  TEST_CASE("a child that ended in between, and was waited for, counts once") {
    pid_t sleeper = 0;
    Child child([&sleeper](int step) {
      if (step == 0) sleeper = fork_sleeper(100ms);
      if (step == 1) {
        burn(50ms);
        end(sleeper);
      }
    });
    child.step();
    const nanoseconds used = cpu_of_step(child);
    CHECK(used >= 50ms - kTolerance);
    CHECK(used <= 50ms + kTolerance);
  }

  TEST_CASE("a child that was started and ended in between counts") {
    Child child([](int) { end(fork_sleeper(100ms)); });
    const nanoseconds used = cpu_of_step(child);
    CHECK(used >= 100ms - kTolerance);
    CHECK(used <= 100ms + kTolerance);
  }

  TEST_CASE("a child that ended, and that its parent does not count, is noticed") {
    pid_t sleeper = 0;
    Child child([&sleeper](int step) {
      if (step == 0) sleeper = fork_sleeper(100ms);
      if (step == 1) {
        ::signal(SIGCHLD, SIG_IGN);  // the kernel reaps it, and forgets its time
        end(sleeper);
      }
    });
    child.step();
    const ProcessTree before = ProcessTree::measure(child.pid());
    child.step();
    CHECK_THROWS_AS(ProcessTree::measure(child.pid()).cpu_since(before), std::runtime_error);
  }

  TEST_CASE("an ended child that nobody has waited for is not running") {
    pid_t sleeper = 0;
    Child child([&sleeper](int step) {
      if (step == 0) sleeper = fork_sleeper(0ms);
      if (step == 1) {
        ::kill(sleeper, SIGKILL);
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(sleeper), &info, WEXITED | WNOWAIT);
      }
      if (step == 2) end(sleeper);
    });
    child.step();
    child.step();
    const ProcessTree tree = ProcessTree::measure(child.pid());
    CHECK(tree.running() == 1);
    CHECK(tree.pss_kib() > 0);
    child.step();
  }

  TEST_CASE("memory is that of the whole tree") {
    constexpr std::size_t kSize = 32 << 20;
    Child child([](int) {
      ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
             0);
    });
    const std::uint64_t before = ProcessTree::measure(child.pid()).pss_kib();
    child.step();
    const std::uint64_t after = ProcessTree::measure(child.pid()).pss_kib();
    CHECK(after >= before + kSize / 1024);
    CHECK(after <= before + kSize / 1024 + 4096);
    CHECK(ProcessTree::measure(::getpid()).pss_kib() > after);
  }

  TEST_CASE("no process is an error") {
    pid_t gone = ::fork();
    if (gone == 0) ::_exit(0);
    ::waitpid(gone, nullptr, 0);
    CHECK_THROWS_AS(ProcessTree::measure(gone), std::runtime_error);
  }
}

}  // namespace appd::load
