// Tests of the pace of streams.

#include "runtime/net/stream_pace.hpp"

#include <doctest/doctest.h>

using namespace appd;
using net::Outbox;
using net::StreamPace;
using Urgency = Outbox::Urgency;
using std::chrono::microseconds;

namespace {

/// Makes blocks with `pause` between them, and counts the looks at the clock.
struct Stream {
  StreamPace pace;
  StreamPace::Clock::time_point now{std::chrono::hours(1)};
  unsigned looks = 0;

  Stream() { pace.start(now); }
  Urgency block_after(microseconds pause) {
    now += pause;
    return pace.urgency_of_block([this] {
      ++looks;
      return now;
    });
  }
};

}  // namespace

TEST_SUITE("stream pace") {
  TEST_CASE("blocks may wait while they are made quickly") {
    Stream stream;
    for (int i = 0; i < 100; ++i) CHECK(stream.block_after(microseconds(100)) == Urgency::may_wait);
  }

  TEST_CASE("blocks that are made slowly do not wait") {
    Stream stream;
    for (int i = 0; i < 100; ++i) CHECK(stream.block_after(StreamPace::kQuickly) == Urgency::now);
  }

  TEST_CASE("the average over 16 blocks decides, and the clock is looked at once in so many") {
    Stream stream;
    for (int i = 0; i < 8; ++i) stream.block_after(microseconds(1));
    // The next look is at the seventeenth block.
    for (int i = 8; i < 16; ++i) CHECK(stream.block_after(microseconds(1000)) == Urgency::may_wait);
    CHECK(stream.block_after(microseconds(1)) == Urgency::now);
    for (int i = 17; i < 32; ++i) CHECK(stream.block_after(microseconds(1)) == Urgency::now);
    CHECK(stream.block_after(microseconds(1)) == Urgency::may_wait);
    CHECK(stream.looks == 3);
  }

  TEST_CASE("a call begins without a pace") {
    Stream stream;
    for (int i = 0; i < 5; ++i) stream.block_after(microseconds(1));
    stream.pace.note(Outbox::Status::first_held);
    CHECK(stream.pace.holding());
    stream.now += std::chrono::seconds(1);
    stream.pace.start(stream.now);
    CHECK_FALSE(stream.pace.holding());
    CHECK(stream.block_after(microseconds(500)) == Urgency::now);
  }

  TEST_CASE("the last write tells whether a block is held") {
    StreamPace pace;
    for (const auto status : {Outbox::Status::held, Outbox::Status::first_held}) {
      pace.note(status);
      CHECK(pace.holding());
    }
    for (const auto status : {Outbox::Status::sent, Outbox::Status::queued, Outbox::Status::gone}) {
      pace.note(Outbox::Status::held);
      pace.note(status);
      CHECK_FALSE(pace.holding());
    }
  }
}
