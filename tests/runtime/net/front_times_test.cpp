// Tests of a front's times.

#include "runtime/net/front_times.hpp"

#include <doctest/doctest.h>

using namespace appd;
using net::FrontTimes;
using std::chrono::seconds;
using Wait = FrontTimes::Wait;

namespace {

const FrontTimes::Clock::time_point kOpened{std::chrono::hours(1)};

FrontTimes::Clock::time_point at(int second) {
  return kOpened + seconds(second);
}

net::ServerOptions limits() {
  net::ServerOptions options;
  options.header_timeout = seconds(10);
  options.body_timeout = seconds(20);
  options.write_timeout = seconds(30);
  return options;
}

void check_next(const FrontTimes& times, const FrontTimes::Waits& waits, Wait wait, int second) {
  const auto next = times.next(waits, limits());
  REQUIRE(next.has_value());
  CHECK(next->wait == wait);
  CHECK(next->end == at(second));
}

}  // namespace

TEST_SUITE("front times") {
  TEST_CASE("a front that is not waited for has all the time") {
    const FrontTimes times(kOpened);
    CHECK_FALSE(times.next({}, limits()).has_value());
  }

  TEST_CASE("each time runs from what it is about") {
    FrontTimes times(kOpened);
    CHECK(times.silent());
    check_next(times, {.end = true}, Wait::end, 1);
    times.on_input(at(2));
    CHECK_FALSE(times.silent());
    times.on_head_begun();
    times.on_input(at(5));
    times.on_output(at(7));
    check_next(times, {.head = true}, Wait::head, 12);
    check_next(times, {.body = true}, Wait::body, 25);
    check_next(times, {.room = true}, Wait::room, 37);
  }

  TEST_CASE("the first that runs out counts") {
    FrontTimes times(kOpened);
    times.on_input(at(9));
    times.on_head_begun();
    times.on_output(at(0));
    check_next(times, {.room = true, .head = true, .body = true}, Wait::head, 19);
    check_next(times, {.room = true, .body = true}, Wait::body, 29);
    times.on_input(at(15));
    check_next(times, {.room = true, .body = true}, Wait::room, 30);
  }

  TEST_CASE("while the front is not read from no time for input runs, nor does it count later") {
    FrontTimes times(kOpened);
    times.on_input(at(1));
    times.on_head_begun();
    times.on_output(at(1));
    times.count(true, at(1));
    times.count(false, at(3));
    times.count(false, at(50));
    CHECK_FALSE(times.next({.head = true, .body = true}, limits()).has_value());
    check_next(times, {.room = true, .head = true, .body = true}, Wait::room, 31);
    times.count(true, at(103));
    check_next(times, {.head = true}, Wait::head, 111);
    check_next(times, {.body = true}, Wait::body, 121);
  }

  TEST_CASE("a body's time begins once it may be sent") {
    FrontTimes times(kOpened);
    times.on_input(at(2));
    times.count_body(false, at(2));
    CHECK_FALSE(times.next({.body = true}, limits()).has_value());
    times.count_body(true, at(50));
    check_next(times, {.body = true}, Wait::body, 70);
    times.count_body(true, at(60));
    check_next(times, {.body = true}, Wait::body, 70);
  }

  TEST_CASE("lingering ends after a silence, and at last in any case") {
    FrontTimes times(kOpened);
    times.on_linger(at(10));
    CHECK(times.end_of_linger().end == at(15));
    times.on_input(at(13));
    CHECK(times.end_of_linger().end == at(18));
    times.on_input(at(69));
    CHECK(times.end_of_linger().end == at(70));
    CHECK(times.end_of_linger().wait == Wait::end);
  }
}
