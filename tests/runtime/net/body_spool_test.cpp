// Tests of a body's file alone: its order, its quota, and what it says when it fails.

#include "runtime/net/body_spool.hpp"

#include <doctest/doctest.h>

#include <string>

#include "fakes/spool_room.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using fakes::SpoolRoom;
using net::BodySpool;
using test::TemporaryFolder;

namespace {

std::string read(BodySpool& spool, std::size_t most) {
  std::string bytes(most, '\0');
  bytes.resize(spool.read(bytes).value());
  return bytes;
}

}  // namespace

TEST_SUITE("body spool") {
  TEST_CASE("what was written is read in its order, in any portions") {
    const TemporaryFolder folder;
    BodySpool spool;
    spool.open(folder.path(), nullptr);
    CHECK(spool.append("abc"));
    CHECK(spool.append("defg"));
    CHECK(spool.waiting() == 7);
    CHECK(read(spool, 5) == "abcde");
    CHECK(spool.append("h"));
    CHECK(spool.waiting() == 3);
    CHECK(read(spool, 100) == "fgh");
    CHECK(read(spool, 100).empty());
    CHECK(spool.append("again"));
    CHECK(read(spool, 100) == "again");
    CHECK(spool.take_error().empty());
  }

  TEST_CASE("the quota is given back when all is read, and when it closes") {
    const TemporaryFolder folder;
    const std::string path = folder.path();
    SpoolRoom quota(10);
    {
      BodySpool spool;
      spool.open(path, &quota);
      CHECK(spool.append("1234567"));
      CHECK(quota.left == 3);
      CHECK(read(spool, 6) == "123456");
      CHECK(quota.left == 3);
      CHECK(read(spool, 6) == "7");
      CHECK(quota.left == 10);
      CHECK(spool.append("1234"));
      spool.close();
      CHECK(quota.left == 10);
      CHECK(spool.waiting() == 0);
      spool.open(path, &quota);
      CHECK(spool.append("12"));
    }
    CHECK(quota.left == 10);
  }

  TEST_CASE("bytes beyond the quota are refused, and the next body begins anew") {
    const TemporaryFolder folder;
    const std::string path = folder.path();
    SpoolRoom quota(3);
    BodySpool spool;
    spool.open(path, &quota);
    CHECK(spool.append("123"));
    CHECK_FALSE(spool.append("4"));
    CHECK(spool.over_quota());
    CHECK(spool.take_error().find("--spool-limit") != std::string::npos);
    CHECK(spool.take_error().empty());
    CHECK(read(spool, 9) == "123");
    spool.close();
    spool.open(path, &quota);
    CHECK_FALSE(spool.over_quota());
  }

  TEST_CASE("a folder that cannot be written to is named") {
    const TemporaryFolder folder;
    const std::string none = folder / "none";
    SpoolRoom quota(3);
    BodySpool spool;
    spool.open(none, &quota);
    CHECK_FALSE(spool.append("123"));
    CHECK_FALSE(spool.over_quota());
    CHECK(spool.take_error().find("cannot open a file in the spool directory " + none) == 0);
    spool.close();
    CHECK(quota.left == 3);
  }
}
