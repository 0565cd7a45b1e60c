// The table of the log's events.
#include "runtime/gateway/log_event.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace appd::gateway;

namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

TEST_SUITE("log event") {
  TEST_CASE("each name is its own, and two words: what it happened to, and what") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kLogEvents; ++i) {
      const std::string_view name = facts(static_cast<LogEvent>(i)).name;
      CAPTURE(name);
      CHECK(names.insert(name).second);
      const auto dot = name.find('.');
      REQUIRE(dot != std::string_view::npos);
      CHECK(dot > 0);
      CHECK(dot + 1 < name.size());
      CHECK(std::count_if(name.begin(), name.end(), is_word_character) ==
            static_cast<std::ptrdiff_t>(name.size()) - 1);
    }
  }

  TEST_CASE("what clients can cause is limited, what the operator must see is not") {
    CHECK(facts(LogEvent::request_bad).limited());
    CHECK(facts(LogEvent::connection_timeout).limited());
    CHECK_FALSE(facts(LogEvent::worker_died).limited());
    CHECK_FALSE(facts(LogEvent::request_deadline).limited());
  }
}
