// Tests of request bodies in memory and in spool files.

#include "runtime/net/body_pipe.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "fakes/eventually.hpp"
#include "fakes/spool_room.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using fakes::SpoolRoom;
using gateway::BodyStatus;
using net::BodyPipe;
using net::Overflow;

namespace {

/// Byte `i` of a body tells where it belongs.
char byte_at(std::size_t i) {
  return static_cast<char>(i * 2654435761u >> 24);
}
std::string stretch(std::size_t from, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = byte_at(from + i);
  return bytes;
}

/// What is there to read now, in blocks of `block`.
std::string read_now(BodyPipe& pipe, std::size_t block = 1000) {
  std::string got;
  std::vector<char> buffer(block);
  for (;;) {
    const gateway::BodyRead read = pipe.try_read(buffer);
    if (read.status != BodyStatus::data) return got;
    got.append(buffer.data(), read.bytes);
  }
}
BodyStatus status_of(BodyPipe& pipe) {
  char byte = 0;
  return pipe.try_read(std::span(&byte, 1)).status;
}
std::size_t open_files() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.find("appd-test-") != std::string::npos) ++count;
  }
  return count;
}

}  // namespace

TEST_SUITE("body pipe") {
  TEST_CASE("what goes in comes out, then the end") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(100, Overflow::pause, folder.path());
    CHECK(status_of(pipe) == BodyStatus::would_block);
    CHECK(pipe.append("hello "));
    CHECK(pipe.append("world"));
    CHECK(pipe.arrived() == 11);
    CHECK(read_now(pipe, 3) == "hello world");
    CHECK(status_of(pipe) == BodyStatus::would_block);
    CHECK(pipe.append("!"));
    pipe.end();
    CHECK(read_now(pipe) == "!");
    CHECK(status_of(pipe) == BodyStatus::end);
  }

  TEST_CASE("what came before a cut is still read") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(100, Overflow::pause, folder.path());
    pipe.append("part");
    pipe.cut();
    pipe.end();  // too late
    CHECK(pipe.append("dropped"));
    CHECK(read_now(pipe) == "part");
    CHECK(status_of(pipe) == BodyStatus::cut);
  }

  TEST_CASE("a full buffer asks for a pause, and for more once half of it is read") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(100, Overflow::pause, folder.path());
    CHECK(pipe.append(stretch(0, 99)));
    CHECK_FALSE(pipe.full());
    CHECK_FALSE(pipe.append(stretch(99, 1)));
    CHECK(pipe.full());
    CHECK_FALSE(pipe.take_resume());
    std::vector<char> buffer(49);
    pipe.try_read(buffer);
    CHECK_FALSE(pipe.take_resume());
    pipe.try_read(std::span(buffer).first(1));
    CHECK(pipe.take_resume());
    CHECK_FALSE(pipe.take_resume());
    CHECK_FALSE(pipe.full());
    CHECK(read_now(pipe) == stretch(50, 50));
  }

  TEST_CASE("bytes that come while a full buffer is being read do not undo the pause") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(100, Overflow::pause, folder.path());
    CHECK_FALSE(pipe.append(stretch(0, 100)));
    std::vector<char> buffer(200);
    pipe.try_read(std::span(buffer).first(30));
    CHECK_FALSE(pipe.take_resume());
    CHECK_FALSE(pipe.append(stretch(100, 10)));
    pipe.try_read(buffer);
    CHECK(pipe.take_resume());
  }

  TEST_CASE("order is kept across memory and file, however reads and writes take turns") {
    test::TemporaryFolder folder;
    for (unsigned seed = 1; seed <= 30; ++seed) {
      CAPTURE(seed);
      std::minstd_rand random(seed);
      BodyPipe pipe;
      pipe.open(5000, Overflow::spool, folder.path());
      std::size_t written = 0;
      std::string got;
      std::vector<char> buffer(8000);
      while (written < 200'000) {
        const std::size_t size = random() % 4000;
        REQUIRE(pipe.append(stretch(written, size)));
        written += size;
        if (random() % 3 == 0) {
          const auto read = pipe.try_read(std::span(buffer).first(1 + random() % 7000));
          got.append(buffer.data(), read.bytes);
        }
        if (random() % 40 == 0) got += read_now(pipe);
      }
      pipe.end();
      got += read_now(pipe);
      CHECK(got == stretch(0, written));
      CHECK(status_of(pipe) == BodyStatus::end);
    }
  }

  TEST_CASE("spooling keeps memory at the buffer and the rest in a file without a name") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(1000, Overflow::spool, folder.path());
    for (std::size_t at = 0; at < 20'000'000; at += 100'000) {
      REQUIRE(pipe.append(stretch(at, 100'000)));
    }
    pipe.end();
    CHECK(std::filesystem::is_empty(folder.path()));
    CHECK(open_files() == 1);
    CHECK(read_now(pipe, 65'536) == stretch(0, 20'000'000));
    CHECK(status_of(pipe) == BodyStatus::end);
    pipe.close();
    CHECK(open_files() == 0);
  }

  TEST_CASE("a pause can be turned into spooling") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(100, Overflow::pause, folder.path());
    CHECK_FALSE(pipe.append(stretch(0, 150)));
    pipe.start_spooling();
    CHECK_FALSE(pipe.full());
    CHECK(pipe.append(stretch(150, 10'000)));
    CHECK_FALSE(pipe.take_resume());
    pipe.end();
    CHECK(read_now(pipe) == stretch(0, 10'150));
  }

  TEST_CASE("a spool folder that cannot be used cuts the body and says why, once") {
    BodyPipe pipe;
    const std::string nowhere = "/nowhere/at-all";
    pipe.open(10, Overflow::spool, nowhere);
    CHECK(pipe.append("1234567890"));
    CHECK(pipe.take_error().empty());
    CHECK(pipe.append("1"));
    const std::string error = pipe.take_error();
    CHECK(error.find(nowhere) != std::string::npos);
    CHECK(error.find("No such file") != std::string::npos);
    CHECK(pipe.take_error().empty());
    pipe.end();
    CHECK(read_now(pipe) == "1234567890");
    CHECK(status_of(pipe) == BodyStatus::cut);
  }

  TEST_CASE("a spool file that cannot grow cuts the body") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(10, Overflow::spool, folder.path());
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{4096, before.rlim_max};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);
    pipe.append(stretch(0, 10'000));
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, SIG_DFL);
    CHECK(pipe.take_error().find("File too large") != std::string::npos);
    CHECK(read_now(pipe) == stretch(0, 4096));
    CHECK(status_of(pipe) == BodyStatus::cut);
  }

  TEST_CASE("a closed pipe drops what still arrives and opens anew") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(10, Overflow::spool, folder.path());
    pipe.append(stretch(0, 5000));
    pipe.close();
    CHECK(pipe.append(stretch(0, 5000)));
    CHECK(open_files() == 0);
    CHECK(status_of(pipe) == BodyStatus::cut);
    CHECK_FALSE(pipe.full());
    pipe.open(10, Overflow::pause, folder.path());
    CHECK(pipe.arrived() == 0);
    CHECK(status_of(pipe) == BodyStatus::would_block);
    pipe.append("new");
    pipe.end();
    CHECK(read_now(pipe) == "new");
    CHECK(status_of(pipe) == BodyStatus::end);
  }

  TEST_CASE("a body that is whole, in memory and unread can be copied; it is read as ever then") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    for (const std::size_t size : {0u, 1u, 500u, 1000u}) {
      CAPTURE(size);
      pipe.open(1000, Overflow::spool, folder.path());
      pipe.append(stretch(0, size / 2));
      CHECK(!pipe.try_copy());
      pipe.append(stretch(size / 2, size - size / 2));
      CHECK(!pipe.try_copy());
      pipe.end();
      CHECK(pipe.try_copy() == stretch(0, size));
      CHECK(read_now(pipe) == stretch(0, size));
      CHECK(status_of(pipe) == BodyStatus::end);
    }
  }

  TEST_CASE("a body that was read of, was cut or lies in a file cannot be copied") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    const auto begin = [&](std::size_t size, Overflow overflow = Overflow::pause) {
      pipe.open(1000, overflow, folder.path());
      pipe.append(stretch(0, size));
    };
    SUBCASE("a byte was read") {
      begin(500);
      REQUIRE(status_of(pipe) == BodyStatus::data);
      pipe.end();
      CHECK(!pipe.try_copy());
    }
    SUBCASE("all was read") {
      begin(500);
      pipe.end();
      REQUIRE(read_now(pipe).size() == 500);
      CHECK(!pipe.try_copy());
    }
    SUBCASE("more came after all was read") {
      begin(500);
      REQUIRE(read_now(pipe).size() == 500);
      pipe.append(stretch(500, 500));
      pipe.end();
      CHECK(!pipe.try_copy());
    }
    SUBCASE("it was cut") {
      begin(500);
      pipe.cut();
      CHECK(!pipe.try_copy());
    }
    SUBCASE("all of it lies in a file") {
      begin(1001, Overflow::spool);
      pipe.end();
      CHECK(!pipe.try_copy());
    }
    SUBCASE("its end lies in a file") {
      begin(1000, Overflow::spool);
      pipe.append("x");
      pipe.end();
      CHECK(!pipe.try_copy());
    }
    SUBCASE("nobody wants it any more") {
      begin(500);
      pipe.end();
      pipe.close();
      CHECK(!pipe.try_copy());
    }
  }

  TEST_CASE("of a body larger than the buffer, all of it in memory, the copy is whole too") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(1000, Overflow::pause, folder.path());
    CHECK_FALSE(pipe.append(stretch(0, 3000)));
    pipe.end();
    CHECK(pipe.try_copy() == stretch(0, 3000));
  }

  TEST_CASE("a reader that waits is woken by bytes, by the end and by a cut") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    const std::array<std::pair<BodyStatus, void (*)(BodyPipe&)>, 3> wakers{{
        {BodyStatus::data, [](BodyPipe& p) { p.append("x"); }},
        {BodyStatus::end, [](BodyPipe& p) { p.end(); }},
        {BodyStatus::cut, [](BodyPipe& p) { p.cut(); }},
    }};
    for (const auto& [expected, wake] : wakers) {
      pipe.open(10, Overflow::pause, folder.path());
      std::atomic<bool> woken{false};
      BodyStatus seen{};
      std::thread reader([&] {
        pipe.wait();
        woken = true;
        seen = status_of(pipe);
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // most often it waits by now
      wake(pipe);
      CHECK(test::eventually([&] { return woken.load(); }));
      if (!woken) pipe.end();  // so that a failed test ends
      reader.join();
      CHECK(seen == expected);
    }
  }

  TEST_CASE("a writer that pauses and a reader that waits never miss each other") {
    test::TemporaryFolder folder;
    BodyPipe pipe;
    pipe.open(1000, Overflow::pause, folder.path());
    constexpr std::size_t kTotal = 3'000'000;
    std::atomic<bool> room{false};
    std::thread writer([&] {
      for (std::size_t at = 0; at < kTotal; at += 300) {
        if (!pipe.append(stretch(at, 300))) {
          test::eventually([&] { return room.exchange(false) || !pipe.full(); });
        }
      }
      pipe.end();
    });
    std::string got;
    std::vector<char> buffer(777);
    for (;;) {
      const gateway::BodyRead read = pipe.try_read(buffer);
      if (read.status == BodyStatus::end) break;
      if (read.status == BodyStatus::would_block) pipe.wait();
      got.append(buffer.data(), read.bytes);
      if (read.bytes > 0 && pipe.take_resume()) room = true;
    }
    writer.join();
    CHECK(got == stretch(0, kTotal));
  }

  TEST_CASE("a spool file takes its part of the quota until it is read, or gone") {
    test::TemporaryFolder folder;
    SpoolRoom quota{250};
    {
      BodyPipe pipe;
      pipe.open(100, Overflow::spool, folder.path(), &quota);
      CHECK(pipe.append(stretch(0, 100)));
      CHECK(quota.left == 250);  // in memory
      CHECK(pipe.append(stretch(100, 150)));
      CHECK(pipe.append(stretch(250, 50)));
      CHECK(quota.left == 50);
      SUBCASE("read") {
        CHECK(read_now(pipe) == stretch(0, 300));
        CHECK(quota.left == 250);
        CHECK(pipe.append(stretch(300, 300)));
        CHECK(pipe.over_quota());
      }
      SUBCASE("closed") {
        pipe.close();
        CHECK(quota.left == 250);
      }
      SUBCASE("forgotten") {}
    }
    CHECK(quota.left == 250);
  }

  TEST_CASE("a body for which there is no room is cut, and says why") {
    test::TemporaryFolder folder;
    SpoolRoom quota{10};
    BodyPipe pipe;
    pipe.open(100, Overflow::spool, folder.path(), &quota);
    pipe.append(stretch(0, 105));
    pipe.append(stretch(105, 10));
    CHECK(pipe.over_quota());
    CHECK(pipe.take_error().find("--spool-limit") != std::string::npos);
    CHECK(quota.left == 10);
    CHECK(open_files() == 0);
    CHECK(status_of(pipe) == BodyStatus::cut);
    pipe.open(100, Overflow::spool, folder.path(), &quota);
    CHECK_FALSE(pipe.over_quota());
  }
}
