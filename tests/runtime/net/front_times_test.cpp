// Tests of a front's times.

#include "runtime/net/front_times.hpp"

#include <doctest/doctest.h>

using namespace appd;
using net::Asking;
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
    times.on_input(at(2), 1);
    CHECK_FALSE(times.silent());
    times.on_head_begun();
    times.on_input(at(5), 1);
    times.on_output(at(7));
    check_next(times, {.head = true}, Wait::head, 12);
    check_next(times, {.body = true}, Wait::body, 25);
    check_next(times, {.room = true}, Wait::room, 37);
  }

  TEST_CASE("the first that runs out counts") {
    FrontTimes times(kOpened);
    times.on_input(at(9), 1);
    times.on_head_begun();
    times.on_output(at(0));
    check_next(times, {.room = true, .head = true, .body = true}, Wait::head, 19);
    check_next(times, {.room = true, .body = true}, Wait::body, 29);
    times.on_input(at(15), 1);
    check_next(times, {.room = true, .body = true}, Wait::room, 30);
  }

  TEST_CASE("while the front is not read from no time for input runs, nor does it count later") {
    FrontTimes times(kOpened);
    times.on_input(at(1), 1);
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
    times.on_input(at(2), 1);
    times.count_body(Asking::due, at(2));
    CHECK_FALSE(times.next({.body = true}, limits()).has_value());
    times.count_body(Asking::done, at(50));
    check_next(times, {.body = true}, Wait::body, 70);
    times.count_body(Asking::done, at(60));
    check_next(times, {.body = true}, Wait::body, 70);
  }

  TEST_CASE("a body that was asked for must come at a pace") {
    FrontTimes times(kOpened);
    times.count_body(Asking::due, at(2));
    times.on_input(at(4), 5'000);
    times.count_body(Asking::done, at(10));
    times.on_input(at(25), 999);
    check_next(times, {.body = true}, Wait::body, 31);
    times.on_input(at(26), 1);
    check_next(times, {.body = true}, Wait::body, 32);
    times.on_input(at(27), 500'000);
    check_next(times, {.body = true}, Wait::body, 47);
    times.count_body(Asking::done, at(29));
    times.on_input(at(31), 1);
    times.count(false, at(33));
    times.count(true, at(36));
    check_next(times, {.body = true}, Wait::body, 54);
  }

  TEST_CASE("nobody is asked for a body at the pace of the one before it") {
    FrontTimes times(kOpened);
    times.count_body(Asking::due, at(1));
    times.count_body(Asking::done, at(2));
    times.on_head_completed();
    times.on_input(at(50), 1);
    SUBCASE("it needs no asking") {
      times.count_body(Asking::not_needed, at(50));
    }
    SUBCASE("it was asked for at once") {
      times.count_body(Asking::done, at(50));
    }
    check_next(times, {.body = true}, Wait::body, 70);
  }

  TEST_CASE("lingering ends after a silence, and at last in any case") {
    FrontTimes times(kOpened);
    times.on_linger(at(10));
    CHECK(times.end_of_linger().end == at(15));
    times.on_input(at(13), 1);
    CHECK(times.end_of_linger().end == at(18));
    times.on_input(at(69), 1);
    CHECK(times.end_of_linger().end == at(70));
    CHECK(times.end_of_linger().wait == Wait::end);
  }
}
