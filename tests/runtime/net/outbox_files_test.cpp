// Tests of files that an outbox sends, plain and in FastCGI records.

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/front_protocols.hpp"
#include "outbox_pair.hpp"

using namespace appd;
using namespace appd::test;
using net::kNeverCancelled;
using net::Outbox;
using protocol::Wire;

TEST_SUITE("outbox") {
  TEST_CASE("a file's range follows what waits, plain or in FastCGI records") {
    TemporaryFolder folder;
    const std::string content = letters(3'000'000);
    for (const Wire protocol : {Wire::scgi, Wire::fastcgi}) {
      Pair pair;
      const protocol::ResponseFramer framer(protocol, 5);
      const std::string before = wire::record(6, 5, letters(60'000));
      CHECK(pair.write(before) == Outbox::Status::queued);
      CHECK(pair.outbox->write_file(file_of(folder, content, 1000, 2'500'000), framer,
                                    kNeverCancelled) == Outbox::Status::queued);
      const std::string after = wire::record(6, 9, "after");
      CHECK(pair.write(after) == Outbox::Status::queued);
      const std::string body = content.substr(1000, 2'500'000);
      if (protocol == Wire::scgi) {
        CHECK(pair.drain() == before + body + after);
      } else {
        const FastcgiResponses responses(pair.drain());
        CHECK(responses.by_id.at(5).stdout_bytes == letters(60'000) + body);
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
        pair.outbox->write_file(file_of(folder, "a file", 2, 4), {protocol, 1}, kNeverCancelled,
                                tell);
        CHECK(told.empty());
        pair.drain();
        CHECK(told == std::vector{std::pair<FileEnd, std::uint64_t>(FileEnd::sent, 0)});
        pair.outbox->shut();
        CHECK(told.size() == 1);
        CHECK(pair.outbox->write_file(file_of(folder, "a file", 2, 4), {protocol, 1},
                                      kNeverCancelled, tell) == Outbox::Status::gone);
        CHECK(told.size() == 1);
      }
      told.clear();
      Pair pair;
      pair.outbox->write_file(file_of(folder, "short", 0, 100), {protocol, 1}, kNeverCancelled,
                              tell);
      pair.outbox->write_file(file_of(other, "a file", 2, 4), {protocol, 1}, kNeverCancelled, tell);
      for (int turn = 0; turn < 10 && told.empty(); ++turn) pair.outbox->flush();
      REQUIRE(told.size() == 2);
      CHECK(told[0] == std::pair<FileEnd, std::uint64_t>(FileEnd::broken_off, 95));
      CHECK(told[1] == std::pair<FileEnd, std::uint64_t>(FileEnd::broken_off, 4));

      told.clear();
      Pair left;
      left.outbox->write_file(file_of(folder, "a file", 2, 4), {protocol, 1}, kNeverCancelled,
                              tell);
      left.outbox->shut();
      CHECK(told == std::vector{std::pair<FileEnd, std::uint64_t>(FileEnd::front_gone, 4)});
    }
  }

  TEST_CASE("a file that became shorter is told apart from a front that is gone") {
    TemporaryFolder folder;
    for (const Wire protocol : {Wire::uwsgi, Wire::fastcgi}) {
      Pair pair;
      pair.outbox->write_file(file_of(folder, "short", 0, 100), {protocol, 1}, kNeverCancelled);
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
    const std::string content = letters(8 << 20);
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
      pair.outbox->write_file(file_of(folder, content, 0, content.size()), {protocol, 1},
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
}
