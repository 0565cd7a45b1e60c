// Tests of the notice that long responses occupy all threads.

#include "runtime/pool/long_responses.hpp"

#include <doctest/doctest.h>

#include "runtime/ipc/scoreboard.hpp"

using namespace appd;
using pool::LongResponses;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'000'000 * kSecond;

/// A worker of two threads.
struct Worker {
  ipc::Scoreboard board{1, 2};
  LongResponses responses{board.worker(0)};

  /// A call that has sent something.
  void begin(unsigned thread, std::int64_t started, const char* uri) {
    board.worker(0)[thread].begin(started, "GET", uri);
    board.worker(0)[thread].progress.advance();
  }
};

}  // namespace

TEST_SUITE("long responses") {
  TEST_CASE("the longest is named when all threads are in them") {
    Worker worker;
    worker.begin(0, kNow - 10 * kSecond, "/a");
    worker.begin(1, kNow - 35 * kSecond, "/b");
    CHECK(worker.responses.look(kNow) ==
          "all 2 threads are in calls whose responses have begun (longest: GET /b, 35.0 s), and "
          "requests are waiting: raise --threads, or serve the streams with another appd");
  }

  TEST_CASE("a thread that is idle, has just begun, or has sent nothing yet is another matter") {
    Worker worker;
    worker.begin(0, kNow - 10 * kSecond, "/a");
    CHECK_FALSE(worker.responses.look(kNow));
    worker.begin(1, kNow - kSecond / 2, "/short");
    CHECK_FALSE(worker.responses.look(kNow));
    worker.board.worker(0)[1].end();
    worker.board.worker(0)[1].begin(kNow - 10 * kSecond, "POST", "/upload");
    worker.board.worker(0)[1].progress.begin_wait();  // for its body
    worker.board.worker(0)[1].progress.end_wait();
    CHECK_FALSE(worker.responses.look(kNow));
    worker.board.worker(0)[1].progress.advance();
    CHECK(worker.responses.look(kNow));
  }

  TEST_CASE("it is said once, and a minute later when other calls do it") {
    Worker worker;
    worker.begin(0, kNow - 10 * kSecond, "/a");
    worker.begin(1, kNow - 10 * kSecond, "/b");
    CHECK(worker.responses.look(kNow));
    CHECK_FALSE(worker.responses.look(kNow + kSecond));
    CHECK_FALSE(worker.responses.look(kNow + 100 * kSecond));

    worker.board.worker(0)[1].end();
    worker.begin(1, kNow + kSecond, "/c");
    CHECK_FALSE(worker.responses.look(kNow + 59 * kSecond));
    CHECK(worker.responses.look(kNow + 60 * kSecond));
    CHECK_FALSE(worker.responses.look(kNow + 200 * kSecond));
  }
}
