// Tests of strings with stable addresses.

#include "runtime/gateway/string_pool.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace appd::gateway {

TEST_SUITE_BEGIN("string pool");

TEST_CASE("strings stay where they are, and their memory is used again") {
  StringPool pool;
  std::vector<const char*> first;
  for (int i = 0; i < 20; ++i) first.push_back(pool.next().append(100, 'x').data());
  pool.clear();
  for (const char* memory : first) {
    std::string& again = pool.next();
    CHECK(again.empty());
    CHECK(again.append(100, 'y').data() == memory);
  }
}

TEST_CASE("any number of strings can be had, before and after clear") {
  StringPool pool;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string*> strings;
    for (int i = 0; i < 100; ++i) {
      strings.push_back(&pool.next());
      CHECK(strings.back()->empty());
      strings.back()->append(std::to_string(i));
    }
    CHECK(*strings.front() == "0");
    CHECK(*strings.back() == "99");
    pool.clear();
  }
}

TEST_SUITE_END();

}  // namespace appd::gateway
