// Tests of which slots are wanted, free or replaced, without processes.

#include "runtime/supervisor/worker_slots.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "ready_workers.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;

TEST_SUITE("worker slots") {
  TEST_CASE("they have names and indexes, and nobody is wanted") {
    WorkerSlots workers(2);
    CHECK(workers.at(0).name == "worker 1");
    CHECK(workers.at(1).name == "worker 2");
    CHECK(workers.at(1).index == 1u);
    CHECK(workers.wanted() == 0);
    CHECK(workers.going_on() == 0);
    CHECK_FALSE(workers.any_accepting());
    CHECK(workers.last_ready() == nullptr);
  }

  TEST_CASE("they grow into free slots first, then where a worker still ends") {
    WorkerSlots workers(3);
    make_ready(workers, 1);
    retire(workers.at(0));
    workers.grow(2, kStart);
    CHECK_FALSE(workers.at(0).life.wanted());
    CHECK(workers.at(1).life.wanted());
    CHECK(workers.at(2).life.wanted());
    workers.grow(1, kStart);
    CHECK(workers.at(0).life.wanted());
    workers.grow(1, kStart);  // there is no slot for it
    CHECK(workers.wanted() == 3);
  }

  TEST_CASE("a worker that is replaced goes on until the other is ready") {
    WorkerSlots workers(3);
    make_ready(workers, 2);
    REQUIRE(workers.replace(workers.at(0), kStart));
    CHECK_FALSE(workers.at(0).life.wanted());
    CHECK(goes_on(workers.at(0)));
    CHECK(workers.at(2).life.wanted());
    CHECK(workers.being_replaced() == 1);
    CHECK(workers.going_on() == 3);
    CHECK(workers.wanted() == 2);
    CHECK_FALSE(workers.replace(workers.at(1), kStart));  // no slot is free
    CHECK(workers.at(1).life.wanted());

    CHECK(workers.take_replaced_by(workers.at(1)) == nullptr);
    CHECK(workers.take_replaced_by(workers.at(2)) == &workers.at(0));
    CHECK(workers.being_replaced() == 0);
    CHECK(workers.take_replaced_by(workers.at(2)) == nullptr);
  }

  TEST_CASE("one that has died, or is wanted again, is not retired for its replacement") {
    for (const bool died : {false, true}) {
      CAPTURE(died);
      WorkerSlots workers(3);
      make_ready(workers, 2);
      REQUIRE(workers.replace(workers.at(0), kStart));
      died ? workers.at(0).process.reset() : workers.at(0).life.want(kStart);
      CHECK(workers.take_replaced_by(workers.at(2)) == nullptr);
    }
  }

  TEST_CASE("the death of the replaced one is forgotten with its index alone") {
    WorkerSlots workers(4);
    make_ready(workers, 2);
    REQUIRE(workers.replace(workers.at(0), kStart));
    REQUIRE(workers.replace(workers.at(1), kStart));
    workers.forget_replacement_of(0);
    CHECK(workers.being_replaced() == 1);
    CHECK(workers.take_replaced_by(workers.at(3)) == &workers.at(1));
  }

  TEST_CASE("one that ends by itself gets a replacement that ends nobody") {
    WorkerSlots workers(2);
    make_ready(workers, 1);
    CHECK(workers.replace_ending(workers.at(0), kStart) == &workers.at(1));
    CHECK(workers.wanted() == 1);
    CHECK(workers.being_replaced() == 0);
    CHECK(workers.replace_ending(workers.at(1), kStart) == nullptr);
    CHECK(workers.at(1).life.wanted());
  }

  TEST_CASE("the last ready worker is the last that is wanted, too") {
    WorkerSlots workers(4);
    make_ready(workers, 3);
    CHECK(workers.last_ready() == &workers.at(2));
    REQUIRE(workers.replace(workers.at(2), kStart));
    CHECK(workers.last_ready() == &workers.at(1));
  }

  TEST_CASE("a retired worker counts as ending until the grace is over") {
    WorkerSlots workers(2);
    make_ready(workers, 2);
    CHECK_FALSE(workers.any_ending(kStart, 30s));
    retire(workers.at(0), kStart + 5s);
    retire(workers.at(1), kStart);
    CHECK(workers.any_ending(kStart + 1s, 30s));
    CHECK(workers.ending_due(kStart + 1s, 30s) == kStart + 30s);
    CHECK(workers.ending_due(kStart + 30s, 30s) == kStart + 35s);
    CHECK_FALSE(workers.any_ending(kStart + 35s, 30s));
    workers.at(0).process.reset();
    CHECK_FALSE(workers.any_ending(kStart + 30s, 30s));
  }
}
