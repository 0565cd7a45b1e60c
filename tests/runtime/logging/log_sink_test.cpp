// Tests of logs whose reader is slow, gone or another user's.

#include "runtime/logging/log_sink.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "fakes/in_process.hpp"
#include "runtime/support/unique_fd.hpp"

using namespace appd::logging;
using appd::support::UniqueFd;
using appd::test::in_process;
using namespace std::chrono_literals;
using Way = LogDescriptor::Way;

namespace {

/// A pipe as a shell makes it: writes to it would wait.
struct Pipe {
  Pipe() {
    ::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
    REQUIRE(::fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  std::string read(std::size_t most = 1 << 20) const {
    std::string all(most, '\0');
    std::size_t size = 0;
    for (ssize_t n; size < most && (n = ::read(reading.get(), all.data() + size, most - size)) > 0;)
      size += static_cast<std::size_t>(n);
    all.resize(size);
    return all;
  }

  UniqueFd reading, writing;
};

std::string line(int number, std::size_t size = 100) {
  std::string text = std::to_string(number) + " ";
  text.resize(size - 1, 'x');
  return text + "\n";
}

/// The numbers of whole lines; −1 for an incomplete one.
std::vector<int> numbers(const std::string& text, std::size_t size = 100) {
  std::vector<int> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    found.push_back(end - at == size - 1 ? std::atoi(text.c_str() + at) : -1);
    at = end + 1;
  }
  return found;
}

/// Whether they count up from the first one without a gap.
bool consecutive(const std::vector<int>& found) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] != static_cast<int>(i)) return false;
  }
  return true;
}

}  // namespace

TEST_SUITE("log sink") {
  TEST_CASE("the way fits what the descriptor is, and never changes it for others") {
    const Pipe pipe;
    CHECK(LogDescriptor(pipe.writing.get()).way() == Way::non_blocking);
    CHECK((::fcntl(pipe.writing.get(), F_GETFL) & O_NONBLOCK) == 0);
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    const UniqueFd one(ends[0]), other(ends[1]);
    CHECK(LogDescriptor(one.get()).way() == Way::socket);
    const UniqueFd null(::open("/dev/null", O_WRONLY));
    CHECK(LogDescriptor(null.get()).way() == Way::direct);
    const UniqueFd file(::open("/tmp", O_TMPFILE | O_WRONLY, 0600));
    CHECK(LogDescriptor(file.get()).way() == Way::direct);
    CHECK(LogDescriptor(-1).way() == Way::direct);
  }

  TEST_CASE("what is not read is kept, then dropped and counted, and comes in order") {
    for (const Way way : {Way::non_blocking, Way::spliced, Way::polled}) {
      CAPTURE(static_cast<int>(way));
      const Pipe pipe;
      LogSink sink(LogDescriptor(pipe.writing.get(), way));
      constexpr int kLines = 10'000;  // 1 MB
      for (int i = 0; i < kLines; ++i) sink.write(line(i));
      CHECK(sink.behind());
      CHECK(sink.resume() == 0);  // not yet
      std::string text;
      std::uint64_t dropped = 0;
      for (int turn = 0; turn < 1000 && sink.behind(); ++turn) {
        text += pipe.read();
        dropped += sink.resume();
      }
      text += pipe.read();
      CHECK_FALSE(sink.behind());
      const std::vector<int> found = numbers(text);
      CHECK(consecutive(found));
      CHECK(found.size() > LogSink::kRoom / 100);
      CHECK(found.size() + dropped == kLines);
      sink.write("again\n");
      CHECK(pipe.read() == "again\n");
    }
  }

  TEST_CASE("a socket is not waited for") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    LogSink sink(writing.get());
    for (int i = 0; i < 10'000; ++i) sink.write(line(i));
    CHECK(sink.behind());
  }

  TEST_CASE("a terminal that is stopped is not waited for") {
    int master = -1;
    int slave = -1;
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    const UniqueFd screen(master), terminal(slave);
    LogSink sink(terminal.get());
    REQUIRE(::tcflow(terminal.get(), TCOOFF) == 0);
    for (int i = 0; i < 1000; ++i) sink.write(line(i));
    CHECK(sink.behind());
    REQUIRE(::tcflow(terminal.get(), TCOON) == 0);
    std::array<char, 4096> bytes;
    REQUIRE(::fcntl(screen.get(), F_SETFL, O_NONBLOCK) == 0);
    for (int turn = 0; turn < 100'000 && sink.behind(); ++turn) {
      sink.resume();
      [[maybe_unused]] const ssize_t got = ::read(screen.get(), bytes.data(), bytes.size());
    }
    CHECK_FALSE(sink.behind());
  }

  TEST_CASE("a line larger than the pipe is finished before anything else") {
    const Pipe pipe;
    LogSink sink(pipe.writing.get());
    const std::string large = line(1, 200'000);
    sink.write(large);
    sink.write("next\n");
    std::string text;
    for (int turn = 0; turn < 100; ++turn) {
      text += pipe.read(5000);
      sink.resume();
    }
    const bool whole = text == large + "next\n";
    CHECK(whole);  // not the texts: they are long
  }

  TEST_CASE("processes that share a pipe do not cut each other's lines") {
    for (const Way way : {Way::non_blocking, Way::spliced}) {
      CAPTURE(static_cast<int>(way));
      const Pipe pipe;
      LogSink sink(LogDescriptor(pipe.writing.get(), way));
      constexpr int kEach = 2000;
      std::vector<pid_t> writers;
      for (int i = 0; i < 2; ++i) {
        writers.push_back(::fork());
        REQUIRE(writers.back() >= 0);
        if (writers.back() > 0) continue;
        ::alarm(60);
        sink.adopt();
        for (int number = 0; number < kEach; ++number) sink.write(line(number));
        while (sink.behind()) {
          sink.wait(20ms);
          if (sink.resume() > 0) ::_exit(1);
        }
        ::_exit(0);
      }
      std::string text;
      while (!writers.empty()) {
        text += pipe.read(7000);
        std::erase_if(writers,
                      [](pid_t writer) { return ::waitpid(writer, nullptr, WNOHANG) != 0; });
      }
      text += pipe.read();
      const std::vector<int> found = numbers(text);
      CHECK(std::count(found.begin(), found.end(), -1) == 0);
      CHECK(found.size() == 2 * kEach);
    }
  }

  TEST_CASE("what a process keeps is not its children's to write") {
    const Pipe pipe;
    LogSink sink(LogDescriptor(pipe.writing.get()));
    int last = 0;
    while (!sink.behind()) sink.write(line(++last));
    CHECK(numbers(pipe.read()).size() == static_cast<std::size_t>(last) - 1);
    CHECK(in_process([&] {
            sink.adopt();
            sink.write(line(last + 1));
            return sink.behind() ? 1 : 0;
          }) == 0);
    CHECK(numbers(pipe.read()) == std::vector{last + 1});
    CHECK(sink.resume() == 0);
    CHECK(numbers(pipe.read()) == std::vector{last});
  }

  TEST_CASE("who has nothing to read is gone: lines are dropped, and said when another reads") {
    ::signal(SIGPIPE, SIG_IGN);
    Pipe pipe;
    LogSink sink(pipe.writing.get());
    pipe.reading.reset();
    sink.write("lost\n");
    sink.write("lost\n");
    CHECK(sink.behind());
    CHECK(sink.resume() == 2);
    CHECK_FALSE(sink.behind());
  }

  TEST_CASE("it is told once that something is to be flushed") {
    const Pipe pipe;
    LogSink sink(pipe.writing.get());
    int told = 0;
    sink.on_behind([&told] { ++told; });
    for (int i = 0; i < 2000; ++i) sink.write(line(i));
    CHECK(told == 1);
    sink.on_behind([&told] { ++told; });
    CHECK(told == 2);
    sink.on_behind(nullptr);
  }

  TEST_CASE(
      "in a process that the application forks nothing is written twice, and no lock is waited "
      "for") {
    const Pipe pipe;
    LogSink sink(pipe.writing.get());
    for (int i = 0; i < 2000; ++i) sink.write(line(i));
    CHECK(in_process([&] {
            if (sink.behind() || sink.resume() != 0) return 1;
            pipe.read();
            sink.write("of the child\n");
            return pipe.read() == "of the child\n" ? 0 : 2;
          }) == 0);
    CHECK(sink.behind());
  }

  TEST_CASE("many threads, one reader: every line is whole, and there or counted") {
    const Pipe pipe;
    LogSink sink(pipe.writing.get());
    constexpr int kEach = 3000;
    std::atomic<int> running{4};
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) sink.write(line(i));
        --running;
      });
    }
    std::string text;
    std::uint64_t dropped = 0;
    while (running > 0 || sink.behind()) {
      text += pipe.read(50'000);
      dropped += sink.resume();
    }
    for (std::thread& writer : writers) writer.join();
    text += pipe.read();
    const std::vector<int> found = numbers(text);
    CHECK(std::count(found.begin(), found.end(), -1) == 0);
    CHECK(found.size() + dropped == 4 * kEach);
  }

  TEST_CASE("whoever closes all other descriptors leaves a log on the one that was given") {
    for (const Way way : {Way::non_blocking, Way::spliced}) {
      CAPTURE(static_cast<int>(way));
      const Pipe pipe;
      const int next = ::dup(pipe.writing.get());  // the number that is given next
      ::close(next);
      LogDescriptor log(pipe.writing.get(), way);
      REQUIRE(log.way() == way);
      ::close_range(static_cast<unsigned>(next), static_cast<unsigned>(next) + 1, 0);
      CHECK(log.try_write("a line\n").size == 7);
      CHECK(pipe.read() == "a line\n");
    }
  }
}
