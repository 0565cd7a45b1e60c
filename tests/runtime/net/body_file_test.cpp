// Tests of the part of a body that is on disk.

#include "runtime/net/body_file.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "fakes/temporary_folder.hpp"

using namespace appd;
using net::BodyFile;

namespace {

struct Quota final : net::SpoolQuota {
  bool try_take(std::uint64_t bytes) noexcept override {
    if (taken + bytes > 10) return false;
    taken += bytes;
    return true;
  }
  void give_back(std::uint64_t bytes) noexcept override { taken -= bytes; }

  std::uint64_t taken = 0;
};

std::string read_from(BodyFile& file, std::size_t most) {
  std::string bytes(most, '\0');
  bytes.resize(file.read(bytes));
  return bytes;
}

}  // namespace

TEST_SUITE("body file") {
  TEST_CASE("bytes come back in order, and space with the last") {
    const test::TemporaryFolder folder;
    const std::string path = folder.path();
    Quota quota;
    BodyFile file;
    file.open(path, &quota);
    CHECK(file.append("abcd"));
    CHECK(file.append("ef"));
    CHECK(file.waiting() == 6);
    CHECK(read_from(file, 4) == "abcd");
    CHECK(quota.taken == 6);
    CHECK(read_from(file, 4) == "ef");
    CHECK(quota.taken == 0);
    CHECK(read_from(file, 4).empty());
    CHECK_FALSE(file.has_error());
    CHECK(file.append("gh"));
    CHECK(read_from(file, 9) == "gh");
  }

  TEST_CASE("a body that finds no room says so, once, and the next one may find some") {
    const test::TemporaryFolder folder;
    const std::string path = folder.path();
    Quota quota;
    BodyFile file;
    file.open(path, &quota);
    CHECK(file.append("0123456789"));
    CHECK_FALSE(file.append("x"));
    CHECK(file.over_quota());
    CHECK(file.take_error().find("--spool-limit") != std::string::npos);
    CHECK_FALSE(file.has_error());
    file.close();
    CHECK(quota.taken == 0);
    CHECK(file.waiting() == 0);
    file.open(path, &quota);
    CHECK_FALSE(file.over_quota());
    CHECK(file.append("x"));
  }

  TEST_CASE("a folder that cannot be written is named") {
    const std::string path = "/nowhere";
    BodyFile file;
    file.open(path, nullptr);
    CHECK_FALSE(file.append("x"));
    CHECK(file.take_error() ==
          "cannot open a file in the spool directory /nowhere: No such file or directory");
    CHECK_FALSE(file.over_quota());
  }
}
