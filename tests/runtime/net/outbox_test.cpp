// Tests of outgoing bytes: direct, queued, spooled, and from files.

#include "runtime/net/outbox.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/recording_reporter.hpp"
#include "fakes/spool_room.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::test;
using gateway::LogEvent;
using net::kNeverCancelled;
using net::Outbox;
using protocol::Wire;

namespace {

/// Two ends of a connection. Only TCP takes a part of what is small.
std::array<support::UniqueFd, 2> connected(int domain) {
  if (domain == AF_UNIX) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {support::UniqueFd(ends[0]), support::UniqueFd(ends[1])};
  }
  const support::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  support::UniqueFd front(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int small = 4096;
  REQUIRE(::setsockopt(front.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  REQUIRE(::bind(listener.get(), generic, size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
  REQUIRE(::connect(front.get(), generic, size) == 0);
  support::UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return {std::move(server), std::move(front)};
}

/// An outbox on one end of a connection, with little room in between.
struct Pair {
  TemporaryFolder folder;
  RecordingReporter reporter;
  net::OutgoingMemory memory;
  support::UniqueFd server;
  FrontSocket front{support::UniqueFd()};
  std::unique_ptr<Outbox> outbox;

  explicit Pair(int domain = AF_UNIX, std::size_t most = 64 << 20, net::SpoolQuota* quota = nullptr)
      : memory(most, folder.path(), quota, reporter) {
    std::array<support::UniqueFd, 2> ends = connected(domain);
    server = std::move(ends[0]);
    ::fcntl(server.get(), F_SETFL, O_NONBLOCK);
    front = FrontSocket(std::move(ends[1]));
    const int small = 4096;
    ::setsockopt(server.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    outbox = std::make_unique<Outbox>(server.get(), memory);
  }

  Outbox::Status write(std::string_view bytes, gateway::Keeper* keeper = nullptr,
                       const net::RequestState& request = kNeverCancelled) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return outbox->write(std::span(&part, 1), keeper, request);
  }
  /// A write that may wait for the next one.
  Outbox::Status hold(std::string_view bytes, const net::RequestState& request = kNeverCancelled) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return outbox->write(std::span(&part, 1), nullptr, request, Outbox::Urgency::may_wait);
  }
  /// Sends past the outbox until the socket takes no more.
  std::string fill() {
    const std::string bytes(100, '.');
    std::string sent;
    while (::send(server.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) sent += bytes;
    return sent;
  }
  std::string read_now() {
    std::string got;
    while (!front.silent() && !front.ended()) {
      got += front.receive([](const std::string& part) { return !part.empty(); });
    }
    return got;
  }
  /// Flushes and reads in turns until nothing waits and nothing more can be read.
  std::string drain() {
    std::string got;
    do {
      if (outbox->flush() == Outbox::Flushed::broken) break;
      got += read_now();
    } while (outbox->blocked());
    return got;
  }
};

std::string pattern(std::size_t size, char first = 'a') {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(first + static_cast<char>((i ^ i >> 9) % 23));
  return bytes;
}

/// Counts how often its bytes got an owner and whether that is still there.
struct CountingKeeper final : gateway::Keeper {
  int made = 0;
  int alive = 0;

  std::shared_ptr<const void> keep() override {
    ++made;
    ++alive;
    return {this, [](const CountingKeeper* self) { --const_cast<CountingKeeper*>(self)->alive; }};
  }
};

gateway::FileRange file_of(const TemporaryFolder& folder, std::string_view content,
                           std::uint64_t offset, std::uint64_t length) {
  const std::string path = folder / "file";
  support::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  REQUIRE(::write(fd.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  return {std::move(fd), offset, length};
}

}  // namespace

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
      const std::string bytes = pattern(30'000, static_cast<char>('a' + i));
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
    std::string small = pattern(40'000);
    std::string expected = "fits" + small;
    CHECK(pair.write(small, &keeper) == Outbox::Status::queued);
    CHECK(keeper.made == 0);
    small.assign(small.size(), '!');  // the outbox has its own
    const std::string large = pattern(2'000'000);
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
    const std::string large = pattern(2'000'000);
    CHECK(pair.write(large, &keeper) == Outbox::Status::queued);
    CHECK(keeper.alive == 1);
    pair.outbox->shut();
    CHECK(keeper.alive == 0);
    CHECK(pair.outbox->waiting() == 0);
    CHECK_FALSE(pair.outbox->blocked());
    CHECK(pair.write("late") == Outbox::Status::gone);
    CHECK(pair.outbox->write_file({}, {}, Wire::scgi, kNeverCancelled) == Outbox::Status::gone);
  }

  TEST_CASE("a front that is gone breaks the writer or the flush") {
    Pair direct;
    direct.front.close();
    CHECK(direct.write("x") == Outbox::Status::gone);
    CHECK(direct.write("x") == Outbox::Status::gone);
    Pair queued;
    CHECK(queued.write(pattern(500'000)) == Outbox::Status::queued);
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
    const std::string small = pattern(2000, 'A');
    const std::string medium = pattern(3000);
    const std::string large = pattern(300'000);
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
          const std::string bytes = pattern(1 + static_cast<std::size_t>(i) * 271 % 2000,
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
      const std::string next = pattern(size);
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
    CHECK(pair.hold(pattern(2048)) == Outbox::Status::first_held);
    CHECK(pair.hold(pattern(1)) == Outbox::Status::sent);
    CHECK(pair.hold(pattern(2049)) == Outbox::Status::sent);
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
    CHECK(pair.outbox->write_file(file_of(folder, "a file", 2, 4), {Wire::scgi, 1}, Wire::scgi,
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
    pair.write(pattern(300'000));
    wait_until([&] { pair.drain(); });
    pair.write(pattern(300'000));
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
          const std::string content = pattern(1 + static_cast<std::size_t>(i) * 37 % 5000);
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
      expected += pattern(1 + static_cast<std::size_t>(i) * 37 % 5000);
    }
    const FastcgiResponses responses(got);
    REQUIRE(responses.by_id.size() == kWriters);
    for (const auto& [id, response] : responses.by_id) CHECK(response.stdout_bytes == expected);
  }

  TEST_CASE("a file's range follows what waits, plain or in FastCGI records") {
    TemporaryFolder folder;
    const std::string content = pattern(3'000'000);
    for (const Wire protocol : {Wire::scgi, Wire::fastcgi}) {
      Pair pair;
      const protocol::ResponseFramer framer(protocol, 5);
      const std::string before = wire::record(6, 5, pattern(60'000));
      CHECK(pair.write(before) == Outbox::Status::queued);
      CHECK(pair.outbox->write_file(file_of(folder, content, 1000, 2'500'000), framer, protocol,
                                    kNeverCancelled) == Outbox::Status::queued);
      const std::string after = wire::record(6, 9, "after");
      CHECK(pair.write(after) == Outbox::Status::queued);
      const std::string body = content.substr(1000, 2'500'000);
      if (protocol == Wire::scgi) {
        CHECK(pair.drain() == before + body + after);
      } else {
        const FastcgiResponses responses(pair.drain());
        CHECK(responses.by_id.at(5).stdout_bytes == pattern(60'000) + body);
        CHECK(responses.by_id.at(5).stdout_ended);
        CHECK(responses.by_id.at(5).ends == 1);
        CHECK_FALSE(responses.by_id.at(5).late_bytes);
        CHECK(responses.by_id.at(9).stdout_bytes == "after");
      }
      CHECK(pair.outbox->waiting() == 0);
    }
  }

  TEST_CASE("whoever gave a file is told how it ended, once") {
    TemporaryFolder folder;
    TemporaryFolder other;
    using FileEnd = Outbox::FileEnd;
    std::vector<std::pair<FileEnd, std::uint64_t>> told;
    const auto tell = [&told](FileEnd end, std::uint64_t left) { told.emplace_back(end, left); };
    for (const Wire protocol : {Wire::scgi, Wire::fastcgi}) {
      told.clear();
      {
        Pair pair;
        pair.outbox->write_file(file_of(folder, "a file", 2, 4), {protocol, 1}, protocol,
                                kNeverCancelled, tell);
        CHECK(told.empty());
        pair.drain();
        CHECK(told == std::vector{std::pair<FileEnd, std::uint64_t>(FileEnd::sent, 0)});
        pair.outbox->shut();
        CHECK(told.size() == 1);
        CHECK(pair.outbox->write_file(file_of(folder, "a file", 2, 4), {protocol, 1}, protocol,
                                      kNeverCancelled, tell) == Outbox::Status::gone);
        CHECK(told.size() == 1);
      }
      told.clear();
      Pair pair;
      pair.outbox->write_file(file_of(folder, "short", 0, 100), {protocol, 1}, protocol,
                              kNeverCancelled, tell);
      pair.outbox->write_file(file_of(other, "a file", 2, 4), {protocol, 1}, protocol,
                              kNeverCancelled, tell);
      for (int turn = 0; turn < 10 && told.empty(); ++turn) pair.outbox->flush();
      REQUIRE(told.size() == 2);
      CHECK(told[0] == std::pair<FileEnd, std::uint64_t>(FileEnd::broken_off, 95));
      CHECK(told[1] == std::pair<FileEnd, std::uint64_t>(FileEnd::broken_off, 4));

      told.clear();
      Pair left;
      left.outbox->write_file(file_of(folder, "a file", 2, 4), {protocol, 1}, protocol,
                              kNeverCancelled, tell);
      left.outbox->shut();
      CHECK(told == std::vector{std::pair<FileEnd, std::uint64_t>(FileEnd::front_gone, 4)});
    }
  }

  TEST_CASE("a file that became shorter is told apart from a front that is gone") {
    TemporaryFolder folder;
    for (const Wire protocol : {Wire::uwsgi, Wire::fastcgi}) {
      Pair pair;
      pair.outbox->write_file(file_of(folder, "short", 0, 100), {protocol, 1}, protocol,
                              kNeverCancelled);
      Outbox::Flushed last = Outbox::Flushed::progress;
      for (int turn = 0; turn < 10 && last == Outbox::Flushed::progress; ++turn) {
        last = pair.outbox->flush();
      }
      CHECK(last == Outbox::Flushed::short_file);
      CHECK(pair.write("x") == Outbox::Status::gone);
    }
  }

  TEST_CASE("one flush sends about a megabyte, however fast the front reads") {
    TemporaryFolder folder;
    const std::string content = pattern(8 << 20);
    for (const Wire protocol : {Wire::scgi, Wire::fastcgi}) {
      Pair pair;
      const int large = 64 << 20;
      ::setsockopt(pair.server.get(), SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
      ::setsockopt(pair.server.get(), SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
      std::atomic<bool> over{false};
      std::atomic<std::size_t> got{0};
      std::thread reader([&] {
        while (!over) {
          got += pair.front.receive([&](const std::string& part) { return !part.empty(); }).size();
        }
      });
      pair.outbox->write_file(file_of(folder, content, 0, content.size()), {protocol, 1}, protocol,
                              kNeverCancelled);
      int flushes = 1;
      CHECK(eventually([&] {
        const Outbox::Flushed result = pair.outbox->flush();
        if (result == Outbox::Flushed::progress) ++flushes;
        return result == Outbox::Flushed::all;
      }));
      CHECK(flushes >= 6);
      CHECK(eventually([&] { return got >= content.size(); }));
      over = true;
      pair.write("wake");
      reader.join();
    }
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
