// Tests of look-ups by name, hash collisions included.

#include "runtime/gateway/name_index.hpp"

#include <doctest/doctest.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace appd::gateway {

TEST_SUITE_BEGIN("name index");

TEST_CASE("names of every length are found where they were noted") {
  std::vector<std::string> names;
  for (std::size_t size = 0; size < 40; ++size) {
    names.push_back(std::string(size, 'A'));
    names.push_back(std::string(size, 'A') + "B");
    names.push_back("B" + std::string(size, 'A') + "C");
  }
  std::vector<Variable> list;
  NameIndex index;
  index.reset(names.size());
  for (const std::string& name : names) {
    if (index.find_or_note(HashedName(name), list.size(), list) == NameIndex::kNone)
      list.push_back({name, ""});
  }
  for (const std::string& name : names) {
    const std::size_t place = index.find(HashedName(name), list);
    REQUIRE(place != NameIndex::kNone);
    CHECK(list[place].name == name);
  }
  CHECK(index.find(HashedName("absent"), list) == NameIndex::kNone);
  CHECK(list.size() == names.size());
}

TEST_CASE("a name that is known gives its first place and is not noted again") {
  NameIndex index;
  index.reset(4);
  std::vector<Variable> list{{"A", "1"}, {"B", "2"}};
  REQUIRE(index.find_or_note(HashedName("A"), 0, list) == NameIndex::kNone);
  REQUIRE(index.find_or_note(HashedName("B"), 1, list) == NameIndex::kNone);
  CHECK(index.find_or_note(HashedName("A"), 2, list) == 0);
  CHECK(index.find(HashedName("A"), list) == 0);
}

TEST_CASE("names are hashed from all of their bytes, and told apart when hashes are equal") {
  // So many names that about twenty pairs of 32-bit hashes are equal.
  std::unordered_map<std::uint32_t, std::string> by_hash;
  std::vector<std::pair<std::string, std::string>> equal;
  for (int i = 0; i < 400'000; ++i) {
    std::string name = "HTTP_X_" + std::to_string(1'000'000 + i) + "_AND_A_COMMON_ENDING";
    const auto [first, is_new] = by_hash.emplace(HashedName(name).hash, name);
    if (!is_new) equal.emplace_back(first->second, std::move(name));
  }
  CHECK(equal.size() < 200);
  REQUIRE_FALSE(equal.empty());
  for (const auto& [first, second] : equal) {
    NameIndex index;
    index.reset(2);
    std::vector<Variable> list{{first, ""}, {second, ""}};
    CHECK(index.find_or_note(HashedName(first), 0, list) == NameIndex::kNone);
    CHECK(index.find_or_note(HashedName(second), 1, list) == NameIndex::kNone);
    CHECK(index.find(HashedName(second), list) == 1);
  }
}

TEST_CASE("reset forgets") {
  NameIndex index;
  const std::vector<Variable> list{{"A", "1"}};
  index.reset(1);
  index.find_or_note(HashedName("A"), 0, list);
  index.reset(1);
  CHECK(index.find(HashedName("A"), list) == NameIndex::kNone);
}

TEST_SUITE_END();

}  // namespace appd::gateway
