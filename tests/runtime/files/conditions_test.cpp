// Tests of validators and of the conditions on them.

#include "runtime/files/conditions.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::files;

namespace {

constexpr const char* kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* kThen = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kAfter = "Sun, 06 Nov 1994 08:49:38 GMT";
const Validators kFile{"\"a,b\"", 784'111'777};

FileRequest asking(std::string_view if_match, std::string_view if_unmodified_since,
                   std::string_view if_none_match, std::string_view if_modified_since) {
  FileRequest request;
  request.if_match = if_match;
  request.if_unmodified_since = if_unmodified_since;
  request.if_none_match = if_none_match;
  request.if_modified_since = if_modified_since;
  return request;
}

struct Row {
  const char* name;
  FileRequest request;
  Verdict expected;
};

const Row kRows[] = {
    {"no condition", {}, Verdict::send},
    {"match", asking("\"a,b\"", "", "", ""), Verdict::send},
    {"match in a list", asking("\"x\" , \"a,b\"", "", "", ""), Verdict::send},
    {"match of any", asking(" * ", "", "", ""), Verdict::send},
    {"no match", asking("\"a\"", "", "", ""), Verdict::failed},
    {"a weak tag is no strong match", asking("W/\"a,b\"", "", "", ""), Verdict::failed},
    {"a strong one after a weak one", asking("W/\"x\",\"a,b\"", "", "", ""), Verdict::send},
    {"match of garbage", asking("a,b", "", "", ""), Verdict::failed},
    {"match of half a tag", asking("\"a,b", "", "", ""), Verdict::failed},
    {"match wins over a date", asking("\"a,b\"", kBefore, "", ""), Verdict::send},
    {"unmodified", asking("", kThen, "", ""), Verdict::send},
    {"unmodified since later", asking("", kAfter, "", ""), Verdict::send},
    {"modified since", asking("", kBefore, "", ""), Verdict::failed},
    {"unmodified since no date", asking("", "yesterday", "", ""), Verdict::send},
    {"none match", asking("", "", "\"a\", \"b\"", ""), Verdict::send},
    {"the client has it", asking("", "", "\"a,b\"", ""), Verdict::not_modified},
    {"the client has it, weakly", asking("", "", "W/\"a,b\"", ""), Verdict::not_modified},
    {"the client has it among others", asking("", "", ",\"\",W/\"x\",\"a,b\"", ""),
     Verdict::not_modified},
    {"the client has any", asking("", "", "*", ""), Verdict::not_modified},
    {"an asterisk among others", asking("", "", "\"x\", *", ""), Verdict::send},
    {"none match of garbage", asking("", "", "a,b", ""), Verdict::send},
    {"a prefix in lower case", asking("", "", "w/\"a,b\"", ""), Verdict::send},
    {"none match wins over a date", asking("", "", "\"x\"", kThen), Verdict::send},
    {"not modified since", asking("", "", "", kThen), Verdict::not_modified},
    {"not modified since later", asking("", "", "", kAfter), Verdict::not_modified},
    {"modified after the date", asking("", "", "", kBefore), Verdict::send},
    {"not modified since no date", asking("", "", "", "0"), Verdict::send},
    {"failed is found before not modified", asking("\"x\"", "", "\"a,b\"", ""), Verdict::failed},
    {"both hold", asking("\"a,b\"", "", "\"a,b\"", ""), Verdict::not_modified},
};

struct RangeRow {
  const char* if_range;
  bool expected;
};

const RangeRow kRangeRows[] = {
    {"", true},       {"\"a,b\"", true},    {" \"a,b\" ", true},      {kThen, true},
    {"\"a\"", false}, {"W/\"a,b\"", false}, {"\"a,b\",\"x\"", false}, {kBefore, false},
    {kAfter, false},  {"*", false},         {"garbage", false},       {"\"", false},
};

FileFacts facts(std::uint64_t size, time_t seconds, long nanoseconds) {
  return {size, {seconds, nanoseconds}};
}

}  // namespace

TEST_SUITE("conditions") {
  TEST_CASE("each condition has its verdict") {
    for (const Row& row : kRows) {
      CAPTURE(row.name);
      CHECK(evaluate_conditions(row.request, kFile) == row.expected);
    }
  }

  TEST_CASE("a range counts if it is of this content") {
    for (const RangeRow& row : kRangeRows) {
      CAPTURE(row.if_range);
      CHECK(range_applies(row.if_range, kFile) == row.expected);
    }
  }

  TEST_CASE("without validators only an asterisk matches, and dates do not count") {
    const Validators none;
    CHECK(evaluate_conditions(asking("*", "", "", ""), none) == Verdict::send);
    CHECK(evaluate_conditions(asking("\"\"", "", "", ""), none) == Verdict::failed);
    CHECK(evaluate_conditions(asking("", "", "\"\"", ""), none) == Verdict::send);
    CHECK(evaluate_conditions(asking("", "", "*", ""), none) == Verdict::not_modified);
    CHECK(evaluate_conditions(asking("", kBefore, "", kAfter), none) == Verdict::send);
    CHECK_FALSE(range_applies(kThen, none));
    CHECK_FALSE(range_applies("\"\"", none));
    CHECK(range_applies("", none));
  }

  TEST_CASE("validators are of size, time and coding") {
    const Validators file = make_validators(facts(500, 784'111'777, 5));
    CHECK(file.etag == "\"1f4-ae1b981bc490a05\"");
    CHECK(file.modified == 784'111'777);
    CHECK(make_validators(facts(500, 784'111'777, 5), "-gz").etag == "\"1f4-ae1b981bc490a05-gz\"");
    CHECK(make_validators(facts(501, 784'111'777, 5)).etag != file.etag);
    CHECK(make_validators(facts(500, 784'111'777, 6)).etag != file.etag);
    CHECK(make_validators(facts(500, 784'111'778, 5)).etag != file.etag);
    CHECK(make_validators(facts(0, -1, 0)).modified == -1);
  }

  TEST_CASE("a time that all files of an image have says nothing") {
    for (const time_t time : {0, 1}) {
      CHECK(make_validators(facts(500, time, 0)).etag == "");
      CHECK_FALSE(make_validators(facts(500, time, 0)).modified);
    }
    CHECK(make_validators(facts(500, 2, 0)).etag != "");
  }
}
