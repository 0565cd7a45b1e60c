// Tests of who leads the loop, and of losing the lead.

#include "runtime/pool/leadership.hpp"

#include <doctest/doctest.h>

#include <thread>

using appd::pool::Leadership;

TEST_SUITE("leadership") {
  TEST_CASE("the lead is nobody's at first, then its owner's") {
    Leadership lead;
    CHECK(lead.vacant());
    lead.give(3);
    CHECK_FALSE(lead.vacant());
    CHECK(lead.is_leader(3));
    CHECK_FALSE(lead.is_leader(0));
    CHECK_FALSE(Leadership::away(lead.look()));
  }

  TEST_CASE("a leader that comes back from its call leads on") {
    Leadership lead;
    lead.give(3);
    lead.leave_for_call(3);
    CHECK(Leadership::away(lead.look()));
    CHECK(Leadership::owner(lead.look()) == 3);
    CHECK(lead.is_leader(3));
    CHECK(lead.return_from_call(3));
    CHECK(lead.is_leader(3));
    CHECK_FALSE(Leadership::away(lead.look()));
  }

  TEST_CASE("only a leader that is away can be deprived") {
    Leadership lead;
    lead.give(3);
    CHECK_FALSE(lead.take(lead.look(), 5));
    lead.leave_for_call(3);
    CHECK(lead.take(lead.look(), 5));
    CHECK(lead.is_leader(5));
    CHECK_FALSE(Leadership::away(lead.look()));
    CHECK_FALSE(lead.return_from_call(3));
    CHECK(lead.is_leader(5));
  }

  TEST_CASE("an absence that has ended cannot be used to take the lead in the next one") {
    Leadership lead;
    lead.give(3);
    lead.leave_for_call(3);
    const Leadership::Snapshot first = lead.look();
    CHECK(lead.return_from_call(3));
    CHECK_FALSE(lead.take(first, 5));
    lead.leave_for_call(3);
    CHECK_FALSE(lead.take(first, 5));
    CHECK(lead.is_leader(3));
    CHECK(lead.take(lead.look(), 5));
  }

  TEST_CASE("a member that got the lead again meanwhile does not mistake it for its old one") {
    Leadership lead;
    lead.give(3);
    lead.leave_for_call(3);
    CHECK(lead.take(lead.look(), 5));
    lead.give(3);
    CHECK_FALSE(lead.return_from_call(3));
    CHECK(lead.is_leader(3));
  }

  TEST_CASE("taking and returning at once has one winner, who sees what the loser did") {
    constexpr int kRounds = 200'000;
    Leadership lead;
    int guarded = 0;  // only the leader touches it: the thread sanitizer watches
    std::atomic<int> taken{0};
    std::atomic<bool> over{false};
    lead.give(1);
    std::thread watcher([&] {
      while (!over) {
        const Leadership::Snapshot seen = lead.look();
        if (!lead.take(seen, 2)) continue;
        ++guarded;
        ++taken;
        lead.give(1);
      }
    });
    int calls = 0;
    int kept = 0;
    while (calls < kRounds) {
      if (!lead.is_leader(1) || Leadership::away(lead.look())) continue;
      ++guarded;
      ++calls;
      lead.leave_for_call(1);
      if (lead.return_from_call(1)) {
        ++guarded;
        ++kept;
      }
    }
    over = true;
    watcher.join();
    CHECK(kept + taken == kRounds);
    CHECK(guarded == 2 * kRounds);
  }
}
