// Tests of log lines, for the journal and for a plain stream.

#include "runtime/logging/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>

using namespace appd::logging;
using appd::gateway::Level;
using appd::gateway::LogEvent;
using appd::support::UniqueFd;
using namespace std::chrono_literals;

namespace {

// A stand-in for stderr that keeps writes apart.
class Stream {
 public:
  Stream() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) == 0);
    reading_.reset(ends[0]);
    writing_.reset(ends[1]);
  }
  int fd() const { return writing_.get(); }
  std::string next_write() {
    std::array<char, 8192> bytes;
    const ssize_t got = ::recv(reading_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return got < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(got));
  }
  std::string journal_stream() const {
    struct stat status {};
    REQUIRE(::fstat(fd(), &status) == 0);
    return fmt::format("{}:{}", status.st_dev, status.st_ino);
  }

 private:
  UniqueFd reading_, writing_;
};

// Sets JOURNAL_STREAM for a scope.
class JournalStream {
 public:
  explicit JournalStream(const std::string& value) { ::setenv("JOURNAL_STREAM", value.c_str(), 1); }
  ~JournalStream() { ::unsetenv("JOURNAL_STREAM"); }
};

constexpr std::size_t kTimeSize = std::string_view("2026-11-20T09:31:26.123Z").size();

// The pattern of a time, with '0' for each digit.
std::string shape(std::string text) {
  for (char& c : text) {
    if (c >= '0' && c <= '9') c = '0';
  }
  return text;
}

}  // namespace

TEST_SUITE("log") {
  TEST_CASE("an event is one line with time, level, process, role and name") {
    Stream stream;
    Log log(Level::debug, "worker 2", nullptr, stream.fd());
    const std::array<std::pair<LogEvent, const char*>, 4> events{
        {{LogEvent::worker_started, "debug"},
         {LogEvent::worker_ready, "info "},
         {LogEvent::worker_stuck, "warn "},
         {LogEvent::worker_died, "error"}}};
    for (const auto& [event, level] : events) {
      log.report(event, "text");
      const std::string line = stream.next_write();
      REQUIRE(line.size() > kTimeSize);
      CHECK(shape(line.substr(0, kTimeSize)) == "0000-00-00T00:00:00.000Z");
      CHECK(line.substr(kTimeSize) ==
            fmt::format(" {} [{} worker 2] {}: text\n", level, ::getpid(), facts(event).name));
    }
  }

  TEST_CASE("further lines are indented, in the same write") {
    Stream stream;
    Log log(Level::info, "master", nullptr, stream.fd());
    log.report(LogEvent::application_raised, "GET /: ValueError\nTraceback:\n\n  File \"x\"\n\n");
    const std::string line = stream.next_write();
    CHECK(line.substr(line.find(']')) ==
          "] application.raised: GET /: ValueError\n  Traceback:\n  \n    File \"x\"\n");
    CHECK(stream.next_write() == "");
  }

  TEST_CASE("what came from outside cannot command the terminal") {
    Stream stream;
    Log log(Level::info, "master", nullptr, stream.fd());
    log.report(LogEvent::worker_ready, "a\x1b[2J\r\nb\x80");
    const std::string line = stream.next_write();
    CHECK(line.substr(line.find(']')) == "] worker.ready: a\\x1b[2J\\x0d\n  b\\x80\n");
  }

  TEST_CASE("what is below the threshold is not written") {
    Stream stream;
    Log log(Level::warning, "master", nullptr, stream.fd());
    CHECK(!log.wants(Level::info));
    CHECK(log.wants(Level::warning));
    log.report(LogEvent::worker_ready, "dropped");
    log.report(LogEvent::worker_died, "kept");
    CHECK(stream.next_write().find("kept") != std::string::npos);
    CHECK(stream.next_write() == "");
  }

  TEST_CASE("the journal gets a priority on each line, and neither time nor process") {
    Stream stream;
    const JournalStream journal(stream.journal_stream());
    Log log(Level::debug, "worker 2", nullptr, stream.fd());
    log.report(LogEvent::worker_started, "a");
    CHECK(stream.next_write() == "<7>[worker 2] worker.started: a\n");
    log.report(LogEvent::worker_ready, "a");
    CHECK(stream.next_write() == "<6>[worker 2] worker.ready: a\n");
    log.report(LogEvent::worker_stuck, "a");
    CHECK(stream.next_write() == "<4>[worker 2] worker.stuck: a\n");
    log.report(LogEvent::worker_died, "a\nb");
    CHECK(stream.next_write() == "<3>[worker 2] worker.died: a\n<3>  b\n");
  }

  TEST_CASE("a stream that was redirected away from the journal is none") {
    Stream stream;
    const Stream another;
    const JournalStream journal(another.journal_stream());
    Log log(Level::debug, "master", nullptr, stream.fd());
    log.report(LogEvent::worker_ready, "a");
    CHECK(stream.next_write().find(" info  [") == kTimeSize);
  }

  TEST_CASE("requests go to the access log, where there is one") {
    const Log without(Level::info, "master");
    CHECK(!without.wants_access());

    std::string path = "/tmp/appd-test-XXXXXX";
    const UniqueFd file(::mkstemp(path.data()));
    AccessLog access(path, "{uri}");
    ::unlink(path.c_str());
    Log log(Level::info, "worker 1", &access);
    CHECK(log.wants_access());
    appd::gateway::AccessRecord record;
    record.uri = "/x";
    log.access(record);
    std::array<char, 16> bytes{};
    CHECK(::read(file.get(), bytes.data(), bytes.size()) == 3);
    CHECK(std::string(bytes.data()) == "/x\n");
  }

  TEST_CASE("levels are known by name") {
    CHECK(parse_level("debug") == Level::debug);
    CHECK(parse_level("info") == Level::info);
    CHECK(parse_level("warning") == Level::warning);
    CHECK(parse_level("warn") == Level::warning);
    CHECK(parse_level("error") == Level::error);
    CHECK(parse_level("Info") == std::nullopt);
    CHECK(parse_level("") == std::nullopt);
  }

  TEST_CASE("lines that were dropped are told of when the log is read again") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    REQUIRE(::fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
    Log log(Level::info, "master", nullptr, writing.get());
    const std::string text(5000, 'x');
    for (int i = 0; i < 200; ++i) log.report(LogEvent::worker_ready, text);
    CHECK_FALSE(log.flush());
    std::string all;
    std::array<char, 65536> bytes;
    for (int turn = 0; turn < 1000 && !log.flush(); ++turn) {
      for (ssize_t n; (n = ::read(reading.get(), bytes.data(), bytes.size())) > 0;)
        all.append(bytes.data(), static_cast<std::size_t>(n));
    }
    CHECK(log.flush());
    const ssize_t n = ::read(reading.get(), bytes.data(), bytes.size());
    if (n > 0) all.append(bytes.data(), static_cast<std::size_t>(n));
    const auto told = all.find(" lines were dropped while the log was not read\n");
    REQUIRE(told != std::string::npos);
    const auto from = all.rfind(' ', told - 1);
    const auto whole = std::count(all.begin(), all.end(), '\n') - 1;
    CHECK(std::stoi(all.substr(from)) + whole == 200);
  }

  TEST_CASE("the end waits a moment for a log that is not read, and no longer") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    const auto before = std::chrono::steady_clock::now();
    {
      Log log(Level::info, "master", nullptr, writing.get());
      for (int i = 0; i < 100; ++i) log.report(LogEvent::worker_ready, std::string(5000, 'x'));
    }
    CHECK(std::chrono::steady_clock::now() - before < 10s);
  }

  TEST_CASE("what clients provoke is limited, but for a log that wants everything") {
    for (const Level level : {Level::info, Level::debug}) {
      Stream stream;
      Log log(level, "worker 1", nullptr, stream.fd());
      for (int i = 0; i < 10; ++i) {
        log.report(LogEvent::request_bad, "refused");
      }
      int lines = 0;
      while (stream.next_write().find("refused") != std::string::npos) ++lines;
      CHECK(lines == (level == Level::debug ? 10 : 1));
      if (level == Level::debug) continue;
      CHECK_FALSE(log.flush());
      log.finish();
      CHECK(stream.next_write().find(
                "and 9 more like this in the last second: requests answered") != std::string::npos);
      CHECK(log.flush());
    }
  }
}
