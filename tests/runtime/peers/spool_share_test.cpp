// Tests of the spool limit across workers.

#include "runtime/peers/spool_share.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <thread>

namespace appd::peers {

TEST_SUITE_BEGIN("spool share");

TEST_CASE("all workers together take no more than the limit") {
  std::array<ipc::WorkerLoad, 2> loads;
  SpoolShare one(loads, 0, 100);
  SpoolShare two(loads, 1, 100);
  CHECK(one.try_take(60));
  CHECK_FALSE(two.try_take(41));
  CHECK(two.try_take(40));
  CHECK_FALSE(one.try_take(1));
  one.give_back(60);
  CHECK(loads[0].spooled.load() == 0);
  CHECK(two.try_take(60));
  CHECK_FALSE(two.try_take(~std::uint64_t{0} / 2));
  CHECK(loads[1].spooled.load() == 100);
}

TEST_CASE("what a worker took that died is room again") {
  ipc::Scoreboard board(2, 1);
  SpoolShare dead(board.loads(), 0, 100);
  SpoolShare other(board.loads(), 1, 100);
  CHECK(dead.try_take(100));
  CHECK_FALSE(other.try_take(1));
  board.clear(0);
  CHECK(other.try_take(100));
}

TEST_CASE("many at once never take more than there is") {
  constexpr std::uint64_t kLimit = 1000;
  std::array<ipc::WorkerLoad, 4> loads;
  std::array<std::uint64_t, 4> taken{};
  std::array<std::thread, 4> threads;
  for (unsigned i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&, i] {
      SpoolShare share(loads, i, kLimit);
      for (int turn = 0; turn < 1000; ++turn) {
        if (share.try_take(3)) taken[i] += 3;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t sum = 0;
  for (const std::uint64_t each : taken) sum += each;
  CHECK(sum <= kLimit);
  CHECK(sum > 0);
}

TEST_SUITE_END();

}  // namespace appd::peers
