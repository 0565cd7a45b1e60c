// Tests of small writes that an outbox holds until the next one, or until the loop sends them.

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "fakes/eventually.hpp"
#include "outbox_pair.hpp"

using namespace appd;
using namespace appd::test;
using net::kNeverCancelled;
using net::Outbox;
using protocol::Wire;

TEST_SUITE("outbox") {
  TEST_CASE("a small write that may wait goes out with the next one") {
    Pair pair;
    CHECK(pair.hold("one,") == Outbox::Status::first_held);
    CHECK(pair.front.silent());
    CHECK(pair.hold("two,") == Outbox::Status::sent);
    CHECK(pair.read_now() == "one,two,");
    CHECK(pair.hold("three,") == Outbox::Status::held);
    CHECK(pair.write("four,") == Outbox::Status::sent);
    CHECK(pair.read_now() == "three,four,");
    CHECK(pair.write("five,") == Outbox::Status::sent);
    CHECK(pair.read_now() == "five,");
  }

  TEST_CASE("nothing holds back what was held, however the next write looks") {
    const std::string small = letters(2000, 'A');
    const std::string medium = letters(3000);
    const std::string large = letters(300'000);
    CountingKeeper keeper;
    struct Next {
      const char* name;
      std::string_view bytes;
      gateway::Keeper* keeper;
    };
    for (const Next& next : {Next{"nothing", "", nullptr}, Next{"small", small, nullptr},
                             Next{"together more than small", medium, nullptr},
                             Next{"more than the socket takes", large, nullptr},
                             Next{"kept by its owner", large, &keeper}}) {
      CAPTURE(next.name);
      Pair pair;
      CHECK(pair.hold(small) == Outbox::Status::first_held);
      pair.write(next.bytes, next.keeper);
      const bool at_once = next.bytes.size() < large.size();
      CHECK(pair.outbox->blocked() == !at_once);
      CHECK_FALSE(pair.outbox->release_held());
      const std::string expected = small + std::string(next.bytes);
      CHECK((at_once ? pair.read_now() : pair.drain()) == expected);
    }
    CHECK(keeper.made == 1);
    CHECK(keeper.alive == 0);
  }

  TEST_CASE("what is held, and does not fit the socket with the next write, stays in order") {
    for (const int domain : {AF_UNIX, AF_INET}) {
      for (const bool into_queue : {false, true}) {
        CAPTURE(domain);
        CAPTURE(into_queue);
        Pair pair(domain);
        std::string expected;
        std::string got;
        for (int i = 0; i < 2000; ++i) {
          const std::string bytes = letters(1 + static_cast<std::size_t>(i) * 271 % 2000,
                                            static_cast<char>('a' + i % 20));
          expected += bytes;
          const Outbox::Status status = pair.hold(bytes);
          // What is queued must not be overtaken by what is held.
          if (pair.outbox->blocked()) CHECK(status == Outbox::Status::queued);
          if (pair.outbox->blocked() && !into_queue) got += pair.drain();
        }
        pair.write("");
        CHECK(eventually([&] {
          got += pair.drain();
          return got.size() >= expected.size();
        }));
        CHECK(got == expected);
      }
    }
  }

  TEST_CASE("what was held in a full socket's outbox is kept with what follows it") {
    for (const std::size_t size : {100u, 5'000u, 100'000u}) {
      CAPTURE(size);
      Pair pair;
      CountingKeeper keeper;
      std::string expected = pair.fill();
      CHECK(pair.hold("held,") == Outbox::Status::first_held);
      const std::string next = letters(size);
      CHECK(pair.write(next, &keeper) == Outbox::Status::queued);
      CHECK(pair.outbox->waiting() == size + 5);
      CHECK_FALSE(pair.outbox->release_held());
      expected += "held," + next;
      CHECK(pair.drain() == expected);
      CHECK(keeper.made == (size == 100'000 ? 1 : 0));
      CHECK(keeper.alive == 0);
    }
  }

  TEST_CASE("a large write is not held") {
    Pair pair;
    CHECK(pair.hold(letters(2048)) == Outbox::Status::first_held);
    CHECK(pair.hold(letters(1)) == Outbox::Status::sent);
    CHECK(pair.hold(letters(2049)) == Outbox::Status::sent);
    CHECK(pair.read_now().size() == 2048 + 1 + 2049);
  }

  TEST_CASE("the loop sends what is held, and is told when something is held again") {
    Pair pair;
    CHECK_FALSE(pair.outbox->release_held());
    CHECK(pair.hold("one,") == Outbox::Status::first_held);
    CHECK(pair.outbox->release_held());
    CHECK(pair.outbox->blocked());
    CHECK(pair.outbox->flush() == Outbox::Flushed::all);
    CHECK(pair.read_now() == "one,");
    CHECK(pair.hold("two,") == Outbox::Status::first_held);
    CHECK(pair.write("three,") == Outbox::Status::sent);
    CHECK_FALSE(pair.outbox->release_held());
    CHECK(pair.hold("four,") == Outbox::Status::first_held);
    CHECK(pair.read_now() == "two,three,");
  }

  TEST_CASE("a file follows what is held") {
    TemporaryFolder folder;
    Pair pair;
    CHECK(pair.hold("held,") == Outbox::Status::first_held);
    CHECK(pair.outbox->write_file(file_of(folder, "a file", 2, 4), {Wire::scgi, 1},
                                  kNeverCancelled) == Outbox::Status::queued);
    CHECK(pair.drain() == "held,file");
  }

  TEST_CASE("what is held goes out before another writer's, though its own was cancelled") {
    Pair pair;
    net::RequestState cancelled;
    CHECK(pair.hold("before,", cancelled) == Outbox::Status::first_held);
    cancelled.on_front_gone();
    CHECK(pair.hold("no", cancelled) == Outbox::Status::gone);
    CHECK(pair.write("end") == Outbox::Status::sent);
    CHECK(pair.read_now() == "before,end");
  }

  TEST_CASE("what is held is dropped when the connection ends, or the front is gone") {
    Pair shut;
    CHECK(shut.hold("held") == Outbox::Status::first_held);
    shut.outbox->shut();
    CHECK_FALSE(shut.outbox->release_held());
    CHECK(shut.hold("late") == Outbox::Status::gone);
    CHECK(shut.front.silent());
    Pair gone;
    CHECK(gone.hold("held") == Outbox::Status::first_held);
    gone.front.close();
    CHECK(gone.write("next") == Outbox::Status::gone);
    CHECK_FALSE(gone.outbox->release_held());
  }

  TEST_CASE("a writer and the loop that meet neither lose nor reorder what is held") {
    Pair pair;
    constexpr int kWrites = 20'000;
    std::atomic<bool> told{false};
    std::thread writer([&] {
      for (int i = 0; i < kWrites; ++i) {
        const std::string bytes = std::to_string(i) + ",";
        if (pair.hold(bytes) == Outbox::Status::first_held) told = true;
        pair.outbox->wait_below(50'000, kNeverCancelled);
      }
    });
    std::string expected;
    for (int i = 0; i < kWrites; ++i) expected += std::to_string(i) + ",";
    std::string got;
    CHECK(eventually([&] {
      if (told.exchange(false)) pair.outbox->release_held();
      got += pair.drain();
      return got.size() >= expected.size();
    }));
    writer.join();
    CHECK(got == expected);
  }
}
