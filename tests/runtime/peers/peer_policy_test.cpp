// Tests of the choice among peers.

#include "runtime/peers/peer_policy.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "runtime/ipc/scoreboard.hpp"

using appd::ipc::WorkerLoad;
using appd::peers::PeerPolicy;

namespace {

/// Workers of two threads each, all open and idle.
struct Bench {
  explicit Bench(unsigned workers) : loads(workers) {
    for (WorkerLoad& load : loads) load.open = 1;
  }
  PeerPolicy policy(unsigned index) const { return {loads, index, 2}; }

  std::vector<WorkerLoad> loads;
};

}  // namespace

TEST_SUITE("peer policy") {
  TEST_CASE("the first idle peer after the worker gets the connection, never the worker itself") {
    Bench bench(4);
    CHECK(bench.policy(0).receiver() == 1u);
    CHECK(bench.policy(2).receiver() == 3u);
    CHECK(bench.policy(3).receiver() == 0u);
    bench.loads[1].running = 2;
    bench.loads[2].open = 0;
    CHECK(bench.policy(0).receiver() == 3u);
    bench.loads[3].full = 1;
    CHECK(bench.policy(0).receiver() == std::nullopt);
    CHECK(bench.policy(1).receiver() == 0u);
  }

  TEST_CASE("a worker alone has no peer") {
    const Bench bench(1);
    CHECK(bench.policy(0).receiver() == std::nullopt);
    CHECK(bench.policy(0).neediest() == std::nullopt);
  }

  TEST_CASE("time is offered where most requests wait, if offers are taken there") {
    Bench bench(3);
    CHECK(bench.policy(0).neediest() == std::nullopt);
    bench.loads[1].waiting = 1;
    bench.loads[2].waiting = 2;
    CHECK(bench.policy(0).neediest() == 2u);
    bench.loads[2].open = 0;
    CHECK(bench.policy(0).neediest() == std::nullopt);
  }

  TEST_CASE("time is offered once after a connection was received and has been served") {
    Bench bench(2);
    PeerPolicy policy = bench.policy(1);
    CHECK_FALSE(policy.is_time_to_offer());
    policy.note_received();
    CHECK(policy.is_time_to_offer());
    CHECK_FALSE(policy.is_time_to_offer());
  }

  TEST_CASE("a worker that is still busy with it offers no time") {
    Bench bench(2);
    PeerPolicy policy = bench.policy(1);
    bench.loads[1].running = 2;
    policy.note_received();
    CHECK_FALSE(policy.is_time_to_offer());
    bench.loads[1].running = 0;
    CHECK_FALSE(policy.is_time_to_offer());
  }
}
