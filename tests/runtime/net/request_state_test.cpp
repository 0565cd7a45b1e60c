// Tests of what may become of a request, and of what comes first when two things happen at once.

#include "runtime/net/request_state.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

using appd::net::RequestState;
using End = RequestState::End;

namespace {

using Step = std::function<void(RequestState&)>;

struct Way {
  const char* name;
  std::vector<Step> steps;
};

void open(RequestState& state) {
  state.open();
}
void queue(RequestState& state) {
  state.queue();
}
void start(RequestState& state) {
  REQUIRE(state.try_start());
}

/// All that a request can be while nobody has ended or lost it.
const std::vector<Way> kWaiting{{"arriving", {open}}, {"queued", {open, queue}}};
const std::vector<Step> kRunning{open, queue, start};

void go(RequestState& state, const std::vector<Step>& steps) {
  for (const Step& step : steps) step(state);
}

/// Lets two run at once, and checks that exactly one gets what only one may have.
template <typename First, typename Second>
void check_one_gets_it(const std::vector<Step>& before, First first, Second second) {
  for (int round = 0; round < 500; ++round) {
    RequestState state;
    go(state, before);
    std::atomic<int> ready{0};
    bool second_got = false;
    std::thread other([&] {
      for (++ready; ready < 2;) continue;
      second_got = second(state);
    });
    for (++ready; ready < 2;) continue;
    const bool first_got = first(state);
    other.join();
    CHECK(first_got != second_got);
  }
}

}  // namespace

TEST_SUITE("request state") {
  TEST_CASE("a request that is answered goes all the way and can be used again") {
    RequestState state;
    for (int round = 0; round < 2; ++round) {
      CHECK(state.is_spare());
      CHECK(state.free());
      state.open();
      CHECK(state.is_arriving());
      CHECK_FALSE(state.free());
      CHECK_FALSE(state.try_start());
      state.queue();
      CHECK_FALSE(state.is_arriving());
      CHECK(state.try_start());
      CHECK_FALSE(state.try_start());
      CHECK_FALSE(state.ended());
      CHECK(state.try_end(End::complete));
      CHECK(state.end() == End::complete);
      CHECK(state.on_returned());
      CHECK_FALSE(state.free());
      state.finish();
      CHECK(state.free());
      CHECK(state.end() == End::complete);
      CHECK_FALSE(state.front_lost());
      state.reset();
    }
  }

  TEST_CASE("what waits can be given up, once, and does not start") {
    for (const Way& way : kWaiting) {
      CAPTURE(way.name);
      RequestState state;
      go(state, way.steps);
      CHECK(state.try_give_up());
      CHECK_FALSE(state.try_give_up());
      CHECK_FALSE(state.try_start());
      CHECK(state.free());
      CHECK_FALSE(state.gone());
      CHECK(state.try_end(End::complete));  // a refusal
      CHECK_FALSE(state.front_lost());
    }
  }

  TEST_CASE("what runs cannot be given up") {
    RequestState state;
    go(state, kRunning);
    CHECK_FALSE(state.try_give_up());
    CHECK_FALSE(state.free());
    CHECK_FALSE(state.gone());
  }

  TEST_CASE("a connection that goes takes with it what waits, and tells what runs") {
    for (const Way& way : kWaiting) {
      CAPTURE(way.name);
      RequestState state;
      go(state, way.steps);
      CHECK(state.on_front_gone());
      CHECK(state.free());
      CHECK(state.gone());
      CHECK_FALSE(state.try_start());
    }
    RequestState state;
    go(state, kRunning);
    CHECK_FALSE(state.on_front_gone());
    CHECK(state.gone());
    CHECK(state.front_lost());
    CHECK_FALSE(state.ended());
    CHECK_FALSE(state.try_end(End::complete));
    CHECK(state.on_returned());
    CHECK(state.end() == End::unanswered);
    CHECK(state.front_lost());
    state.finish();
    CHECK(state.free());
    CHECK(state.gone());
  }

  TEST_CASE("a connection that goes after the response has taken nothing from it") {
    RequestState state;
    go(state, kRunning);
    CHECK(state.try_end(End::complete));
    CHECK_FALSE(state.on_front_gone());
    CHECK(state.gone());
    CHECK_FALSE(state.front_lost());
    CHECK(state.end() == End::complete);
  }

  TEST_CASE("an abort gives up what waits, and ends what runs") {
    for (const Way& way : kWaiting) {
      CAPTURE(way.name);
      RequestState state;
      go(state, way.steps);
      const RequestState::Aborted aborted = state.on_aborted();
      CHECK(aborted.given_up);
      CHECK(aborted.ends_here);
      CHECK(state.end() == End::aborted);
      CHECK(state.free());
    }
    RequestState running;
    go(running, kRunning);
    const RequestState::Aborted aborted = running.on_aborted();
    CHECK_FALSE(aborted.given_up);
    CHECK(aborted.ends_here);
    CHECK(running.gone());
    CHECK_FALSE(running.free());
    CHECK_FALSE(running.try_end(End::broken));
    CHECK(running.on_returned());
    CHECK(running.end() == End::aborted);
    CHECK(running.front_lost());
  }

  TEST_CASE("an abort after the response ends nothing") {
    for (const End how : {End::complete, End::broken}) {
      RequestState state;
      go(state, kRunning);
      CHECK(state.try_end(how));
      CHECK_FALSE(state.try_end(how));
      CHECK_FALSE(state.on_aborted().ends_here);
      CHECK(state.end() == how);
      CHECK_FALSE(state.front_lost());
    }
  }

  TEST_CASE("the loop responds instead of a call that has not, and the call's front is not lost") {
    RequestState state;
    go(state, kRunning);
    CHECK(state.try_end_instead());
    CHECK_FALSE(state.try_end_instead());
    CHECK(state.gone());
    CHECK_FALSE(state.front_lost());
    CHECK_FALSE(state.try_end(End::complete));
    state.set_refused();
    CHECK_FALSE(state.front_lost());
    CHECK_FALSE(state.free());
    CHECK_FALSE(state.on_returned());
    state.finish();
    CHECK(state.free());
  }

  TEST_CASE("the loop does not respond instead of a call that has, or has come back") {
    RequestState responded;
    go(responded, kRunning);
    CHECK(responded.try_end(End::complete));
    CHECK_FALSE(responded.try_end_instead());
    CHECK_FALSE(responded.gone());
    RequestState returned;
    go(returned, kRunning);
    CHECK(returned.on_returned());
    CHECK_FALSE(returned.try_end_instead());
    CHECK_FALSE(returned.gone());
  }

  TEST_CASE("a front is lost that the outbox alone has missed") {
    RequestState state;
    go(state, kRunning);
    CHECK(state.try_end(End::complete));
    CHECK_FALSE(state.front_gone());
    state.set_refused();
    CHECK_FALSE(state.gone());
    CHECK(state.front_gone());
    CHECK(state.front_lost());
    state.finish();
    state.reset();
    state.open();
    CHECK_FALSE(state.front_lost());
    CHECK_FALSE(state.ended());
  }

  TEST_CASE("of a start and a giving up that are tried at once one is done") {
    check_one_gets_it(
        {open, queue}, [](RequestState& s) { return s.try_start(); },
        [](RequestState& s) { return s.try_give_up(); });
  }

  TEST_CASE("of all that end a response at once one does") {
    const auto responds = [](RequestState& s) { return s.try_end(End::complete); };
    check_one_gets_it(kRunning, responds, [](RequestState& s) { return s.on_aborted().ends_here; });
    check_one_gets_it(kRunning, responds, [](RequestState& s) { return s.try_end_instead(); });
    check_one_gets_it(
        kRunning, [](RequestState& s) { return s.on_returned(); },
        [](RequestState& s) { return s.try_end_instead(); });
  }
}
