// Tests of remembered orders of names.

#include "runtime/gateway/name_layout.hpp"

#include <doctest/doctest.h>

#include <string>

namespace appd::gateway {
namespace {

NameFacts facts_of(std::uint32_t hash) {
  return {NameUse::pass, KnownName::none, hash};
}

}  // namespace

TEST_SUITE_BEGIN("name layout");

TEST_CASE("each name is at its place, with what is known of it") {
  NameLayout layout;
  CHECK_FALSE(layout.has(0, ""));
  CHECK(layout.add("REQUEST_METHOD", facts_of(1)));
  CHECK(layout.add("", facts_of(2)));
  CHECK(layout.add("HTTPS", {NameUse::drop, KnownName::https, 3}));
  CHECK(layout.size() == 3);
  CHECK(layout.has(0, "REQUEST_METHOD"));
  CHECK(layout.has(1, ""));
  CHECK(layout.has(2, "HTTPS"));
  CHECK_FALSE(layout.has(2, "HTTPX"));
  CHECK_FALSE(layout.has(0, "REQUEST_METHODS"));
  CHECK_FALSE(layout.has(0, "REQUEST_METHOX"));
  CHECK_FALSE(layout.has(3, "HTTPS"));
  CHECK(layout[2].use == NameUse::drop);
  CHECK(layout[2].known == KnownName::https);
  CHECK(layout[0].hash == 1);
}

TEST_CASE("what is cut is gone, and others may take its place") {
  NameLayout layout;
  layout.add("A", facts_of(1));
  layout.add("B", facts_of(2));
  layout.add("C", facts_of(3));
  layout.cut(1);
  layout.cut(7);
  CHECK(layout.size() == 1);
  CHECK_FALSE(layout.has(1, "B"));
  layout.add("D", facts_of(4));
  CHECK(layout.has(0, "A"));
  CHECK(layout.has(1, "D"));
}

TEST_CASE("it does not grow beyond its bounds") {
  NameLayout many;
  std::size_t added = 0;
  while (added < 1000 && many.add(std::to_string(added), facts_of(0))) ++added;
  CHECK(added == many.size());
  CHECK(added < 1000);
  NameLayout large;
  CHECK(large.add(std::string(2000, 'x'), facts_of(0)));
  CHECK_FALSE(large.add(std::string(4000, 'x'), facts_of(0)));
  CHECK(large.size() == 1);
}

TEST_CASE("its id is another one whenever its names are") {
  NameLayout layout;
  NameLayout other;
  CHECK(layout.id() != other.id());
  CHECK(layout.id() != 0);
  layout.add("A", facts_of(1));
  const std::uint64_t one = layout.id();
  layout.add("B", facts_of(2));
  const std::uint64_t two = layout.id();
  CHECK(two != one);
  layout.cut(2);
  CHECK(layout.id() == two);
  layout.cut(1);
  CHECK(layout.id() != one);
  CHECK(layout.id() != two);
  other.add("A", facts_of(1));
  CHECK(other.id() != layout.id());
}

TEST_CASE("it knows where the names that the server looks at are among those that pass") {
  NameLayout layout;
  CHECK(layout.all_pass());
  layout.add("HTTP_X", facts_of(1));
  layout.add("HTTPS", {NameUse::pass, KnownName::https, 2});
  CHECK(layout.all_pass());
  layout.add("PATH", {NameUse::drop, KnownName::none, 3});
  layout.add("SCGI", {NameUse::pass, KnownName::scgi, 4});
  CHECK_FALSE(layout.all_pass());
  CHECK(layout.known().of(KnownName::https) == 1);
  CHECK(layout.known().of(KnownName::scgi) == 2);
  CHECK(layout.known().of(KnownName::auth_type) == KnownPlaces::kNowhere);
  layout.cut(2);
  CHECK(layout.all_pass());
  CHECK(layout.known().of(KnownName::https) == 1);
  CHECK(layout.known().of(KnownName::scgi) == KnownPlaces::kNowhere);
}

TEST_SUITE_END();

}  // namespace appd::gateway
