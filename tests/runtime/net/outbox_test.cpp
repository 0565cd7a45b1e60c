// Tests of outgoing bytes: sent at once, queued, spooled, and waited for.

#include "runtime/net/outbox.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_protocols.hpp"
#include "fakes/spool_room.hpp"
#include "outbox_pair.hpp"

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;
using net::kNeverCancelled;
using net::Outbox;
using protocol::Wire;

TEST_SUITE("outbox") {
  TEST_CASE("what the socket takes at once is sent by the writer") {
    Pair pair;
    CHECK(pair.write("hello") == Outbox::Status::sent);
    CHECK_FALSE(pair.outbox->blocked());
    CHECK(pair.outbox->waiting() == 0);
    CHECK(pair.drain() == "hello");
    CHECK(pair.outbox->flush() == Outbox::Flushed::all);
  }

  TEST_CASE("many parts go out in their order, empty ones among them") {
    Pair pair;
    std::vector<std::string> texts;
    std::string expected;
    for (int i = 0; i < 3000; ++i) {
      texts.push_back(i % 5 == 0 ? "" : "<" + std::to_string(i) + ">");
      expected += texts.back();
    }
    std::vector<iovec> parts;
    for (std::string& text : texts) parts.push_back({text.data(), text.size()});
    pair.outbox->write(parts, nullptr, kNeverCancelled);
    CHECK(pair.drain() == expected);
  }

  TEST_CASE("what the socket does not take waits, and later writes queue behind it") {
    Pair pair;
    std::string expected;
    for (int i = 0; i < 20; ++i) {
      const std::string bytes = letters(30'000, static_cast<char>('a' + i));
      expected += bytes;
      const Outbox::Status status = pair.write(bytes);
      CHECK(status == Outbox::Status::queued);
    }
    CHECK(pair.outbox->blocked());
    CHECK(pair.outbox->waiting() > 500'000);
    // There is room again, but what waits comes first.
    std::string got = pair.front.receive([](const std::string& part) { return !part.empty(); });
    CHECK(pair.write("last") == Outbox::Status::queued);
    expected += "last";
    got += pair.drain();
    CHECK(got == expected);
    CHECK(pair.outbox->waiting() == 0);
    CHECK_FALSE(pair.outbox->blocked());
    CHECK(pair.write("direct again") == Outbox::Status::sent);
  }

  TEST_CASE("a small leftover is copied, a large one kept by its owner until it is sent") {
    Pair pair;
    CountingKeeper keeper;
    CHECK(pair.write("fits", &keeper) == Outbox::Status::sent);
    CHECK(keeper.made == 0);
    std::string small = letters(40'000);
    std::string expected = "fits" + small;
    CHECK(pair.write(small, &keeper) == Outbox::Status::queued);
    CHECK(keeper.made == 0);
    small.assign(small.size(), '!');  // the outbox has its own
    const std::string large = letters(2'000'000);
    CHECK(pair.write(large, &keeper) == Outbox::Status::queued);
    CHECK(keeper.made == 1);
    CHECK(keeper.alive == 1);
    expected += large;
    CHECK(pair.drain() == expected);
    CHECK(keeper.made == 1);
    CHECK(keeper.alive == 0);
  }

  TEST_CASE("shut lets go of what waits and refuses the rest") {
    Pair pair;
    CountingKeeper keeper;
    const std::string large = letters(2'000'000);
    CHECK(pair.write(large, &keeper) == Outbox::Status::queued);
    CHECK(keeper.alive == 1);
    pair.outbox->shut();
    CHECK(keeper.alive == 0);
    CHECK(pair.outbox->waiting() == 0);
    CHECK_FALSE(pair.outbox->blocked());
    CHECK(pair.write("late") == Outbox::Status::gone);
    CHECK(pair.outbox->write_file({}, {}, kNeverCancelled) == Outbox::Status::gone);
  }

  TEST_CASE("a front that is gone breaks the writer or the flush") {
    Pair direct;
    direct.front.close();
    CHECK(direct.write("x") == Outbox::Status::gone);
    CHECK(direct.write("x") == Outbox::Status::gone);
    Pair queued;
    CHECK(queued.write(letters(500'000)) == Outbox::Status::queued);
    queued.front.close();
    CHECK(queued.outbox->flush() == Outbox::Flushed::broken);
    CHECK_FALSE(queued.outbox->blocked());
    CHECK(queued.outbox->waiting() == 0);
  }

  TEST_CASE("a cancelled writer sends nothing, others do") {
    Pair pair;
    net::RequestState cancelled;
    cancelled.on_front_gone();
    CHECK(pair.write("no", nullptr, cancelled) == Outbox::Status::gone);
    CHECK(pair.write("yes") == Outbox::Status::sent);
    CHECK(pair.drain() == "yes");
  }

  TEST_CASE("a writer that waits for room is woken by room, shut and its own cancelling") {
    Pair pair;
    net::RequestState cancelled;
    std::atomic<bool> woken{false};
    const auto wait_until = [&](const std::function<void()>& wake) {
      woken = false;
      std::thread waiter([&] {
        pair.outbox->wait_below(1000, cancelled);
        woken = true;
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      CHECK_FALSE(woken);
      wake();
      CHECK(eventually([&] { return woken.load(); }));
      if (!woken) pair.outbox->shut();
      waiter.join();
    };
    pair.write(letters(300'000));
    wait_until([&] { pair.drain(); });
    pair.write(letters(300'000));
    wait_until([&] {
      cancelled.on_front_gone();
      pair.outbox->wake();
    });
    cancelled.reset();
    cancelled.open();
    wait_until([&] { pair.outbox->shut(); });
  }

  TEST_CASE("writers at once never mix inside one write") {
    Pair pair;
    constexpr unsigned kWriters = 4;
    constexpr int kWrites = 300;
    std::vector<std::thread> writers;
    for (unsigned id = 1; id <= kWriters; ++id) {
      writers.emplace_back([&, id] {
        for (int i = 0; i < kWrites; ++i) {
          const std::string content = letters(1 + static_cast<std::size_t>(i) * 37 % 5000);
          const std::string head = wire::record(6, id, content).substr(0, 8);
          iovec parts[2]{{const_cast<char*>(head.data()), head.size()},
                         {const_cast<char*>(content.data()), content.size()}};
          pair.outbox->write(parts, nullptr, kNeverCancelled);
          pair.outbox->wait_below(50'000, kNeverCancelled);
        }
        const std::string end = wire::end_request(id, 0);
        pair.write(end);
      });
    }
    std::string got;
    auto enough = ended_responses(kWriters);
    CHECK(eventually([&] {
      got += pair.drain();
      if (!pair.front.silent()) {
        got += pair.front.receive([](const std::string& part) { return !part.empty(); });
      }
      return enough(got);
    }));
    for (std::thread& writer : writers) writer.join();
    std::string expected;
    for (int i = 0; i < kWrites; ++i) {
      expected += letters(1 + static_cast<std::size_t>(i) * 37 % 5000);
    }
    const FastcgiResponses responses(got);
    REQUIRE(responses.by_id.size() == kWriters);
    for (const auto& [id, response] : responses.by_id) CHECK(response.stdout_bytes == expected);
  }

  TEST_CASE("what the memory has no room for goes through a file, in order, and is counted") {
    Pair pair(AF_UNIX, 100'000);
    std::string expected = pair.fill();
    const std::string first(90'000, 'a');
    const std::string second(80'000, 'b');
    CHECK(pair.write(first) == Outbox::Status::queued);
    CHECK(pair.memory.used() == first.size());
    CHECK_FALSE(pair.outbox->overloaded());
    CHECK(pair.write(second) == Outbox::Status::queued);
    CHECK(pair.memory.used() == first.size());
    CHECK(pair.outbox->overloaded());
    CHECK(pair.write("small") == Outbox::Status::queued);
    CHECK(pair.memory.used() == first.size() + 5);
    std::string got;
    expected += first + second + "small";
    while (got.size() < expected.size()) {
      got += pair.front.receive([](const std::string& some) { return !some.empty(); });
      pair.outbox->flush();
    }
    CHECK(got == expected);
    CHECK(pair.memory.used() == 0);
    CHECK_FALSE(pair.outbox->blocked());
  }

  TEST_CASE("a response for which there is no room anywhere ends the connection with a line") {
    fakes::SpoolRoom quota(200'000);
    const std::string large(150'000, 'a');
    {
      Pair pair(AF_UNIX, 1000, &quota);
      pair.fill();
      CHECK(pair.write(large) == Outbox::Status::queued);
      CHECK(quota.left == 200'000 - large.size());
      CHECK(pair.write(large) == Outbox::Status::gone);
      CHECK(pair.reporter.count(LogEvent::response_not_spooled, {"--spool-limit"}) == 1);
      CHECK(quota.left == 200'000);
    }
    Pair pair(AF_UNIX, 1000);
    pair.fill();
    std::filesystem::remove(pair.folder.path());
    CHECK(pair.write(large) == Outbox::Status::gone);
    CHECK(pair.reporter.count(LogEvent::response_not_spooled, {std::strerror(ENOENT)}) == 1);
  }

  TEST_CASE("small leftovers share their room, and many or much of them are too much") {
    Pair pair;
    const std::string filled = pair.fill();
    const Outbox::Place before = pair.outbox->place();
    for (int i = 0; i < 5000; ++i) CHECK(pair.write("0123456789") == Outbox::Status::queued);
    CHECK(pair.outbox->place() - before < 20);
    CHECK_FALSE(pair.outbox->overloaded());
    CHECK(pair.outbox->is_out(before));
    CHECK_FALSE(pair.outbox->is_out(pair.outbox->place()));
    std::string got;
    while (pair.outbox->blocked()) {
      got += pair.front.receive([](const std::string& some) { return !some.empty(); });
      pair.outbox->flush();
    }
    CHECK(pair.outbox->is_out(pair.outbox->place()));
    got += pair.front.receive([&](const std::string& some) {
      return got.size() + some.size() == filled.size() + 50'000;
    });
    for (int i = 0; i < 5000; ++i) {
      REQUIRE(got.compare(filled.size() + static_cast<std::size_t>(i) * 10, 10, "0123456789") == 0);
    }
    pair.fill();
    for (int i = 0; i < 65; ++i) pair.write(std::string(5000, 'x'));
    CHECK(pair.outbox->overloaded());
    pair.outbox->shut();
    CHECK(pair.memory.used() == 0);
    CHECK_FALSE(pair.outbox->overloaded());
  }
}
