// Tests of the field Range.

#include "runtime/files/byte_ranges.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::files;

namespace {

using Kind = WantedRanges::Kind;

struct Row {
  const char* value;
  Kind kind;
  std::vector<ByteRange> ranges;
};

// For a file of 100 bytes.
const Row kRows[] = {
    {"", Kind::whole, {}},
    {"bytes=0-0", Kind::some, {{0, 1}}},
    {"bytes=0-99", Kind::some, {{0, 100}}},
    {"bytes=0-", Kind::some, {{0, 100}}},
    {"bytes=99-", Kind::some, {{99, 1}}},
    {"bytes=90-1000", Kind::some, {{90, 10}}},
    {"bytes=-1", Kind::some, {{99, 1}}},
    {"bytes=-100", Kind::some, {{0, 100}}},
    {"bytes=-101", Kind::some, {{0, 100}}},
    {"bytes=-99999999999999999999999", Kind::some, {{0, 100}}},
    {"bytes=5-99999999999999999999999", Kind::some, {{5, 95}}},
    {"BYTES=1-2", Kind::some, {{1, 2}}},
    {" bytes=1-2 ", Kind::some, {{1, 2}}},
    {"bytes= 1-2 ,\t4-5", Kind::some, {{1, 2}, {4, 2}}},
    {"bytes=,,1-2,,4-5,", Kind::some, {{1, 2}, {4, 2}}},
    {"bytes=50-59,0-9", Kind::some, {{50, 10}, {0, 10}}},
    {"bytes=0-9,10-19", Kind::some, {{0, 10}, {10, 10}}},
    {"bytes=0-9,-10", Kind::some, {{0, 10}, {90, 10}}},
    {"bytes=0-9,100-109", Kind::some, {{0, 10}}},
    {"bytes=0-9,-0", Kind::some, {{0, 10}}},
    {"bytes=100-", Kind::unsatisfiable, {}},
    {"bytes=100-100", Kind::unsatisfiable, {}},
    {"bytes=-0", Kind::unsatisfiable, {}},
    {"bytes=200-300,400-", Kind::unsatisfiable, {}},
    {"bytes=99999999999999999999999-", Kind::unsatisfiable, {}},
    {"bytes=0-9,9-19", Kind::whole, {}},
    {"bytes=0-9,0-9", Kind::whole, {}},
    {"bytes=20-29,0-99", Kind::whole, {}},
    {"bytes=0-,-1", Kind::whole, {}},
    {"bytes=2-1", Kind::whole, {}},
    {"bytes=0-9,2-1", Kind::whole, {}},
    {"bytes=", Kind::whole, {}},
    {"bytes=,", Kind::whole, {}},
    {"bytes=-", Kind::whole, {}},
    {"bytes", Kind::whole, {}},
    {"bytes 0-9", Kind::whole, {}},
    {"bytes=0", Kind::whole, {}},
    {"bytes=a-b", Kind::whole, {}},
    {"bytes=+1-2", Kind::whole, {}},
    {"bytes=1--2", Kind::whole, {}},
    {"bytes=0 - 9", Kind::whole, {}},
    {"bytes=0x1-2", Kind::whole, {}},
    {"bytes=1-2;4-5", Kind::whole, {}},
    {"items=0-9", Kind::whole, {}},
};

/// Ranges of one byte that do not overlap.
std::string single_bytes(std::size_t count) {
  std::string value = "bytes=";
  for (std::size_t i = 0; i < count; ++i) {
    value += std::to_string(2 * i) + "-" + std::to_string(2 * i) + ",";
  }
  return value;
}

}  // namespace

TEST_SUITE("byte ranges") {
  TEST_CASE("each value asks for parts, for everything or for nothing there is") {
    for (const Row& row : kRows) {
      CAPTURE(row.value);
      const WantedRanges wanted = parse_ranges(row.value, 100);
      CHECK(wanted.kind == row.kind);
      CHECK(wanted.ranges == row.ranges);
    }
  }

  TEST_CASE("too many ranges get the whole file") {
    CHECK(parse_ranges(single_bytes(kMostRanges), 100).ranges.size() == kMostRanges);
    CHECK(parse_ranges(single_bytes(kMostRanges + 1), 100).kind == Kind::whole);
    CHECK(parse_ranges(single_bytes(10'000), 100).kind == Kind::whole);
  }

  TEST_CASE("an empty file is sent whole") {
    for (const char* const value : {"bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-6"}) {
      CAPTURE(value);
      CHECK(parse_ranges(value, 0).kind == Kind::whole);
    }
  }

  TEST_CASE("a file of any size has its last byte") {
    constexpr std::uint64_t kLargest = 0xFFFF'FFFF'FFFF'FFFF;
    CHECK(parse_ranges("bytes=-1", kLargest).ranges[0] == ByteRange{kLargest - 1, 1});
    CHECK(parse_ranges("bytes=0-", kLargest).ranges[0] == ByteRange{0, kLargest});
    CHECK(parse_ranges("bytes=-18446744073709551615", kLargest).ranges[0].length == kLargest);
    CHECK(parse_ranges("bytes=0-0,18446744073709551614-", kLargest).ranges.size() == 2);
  }
}
