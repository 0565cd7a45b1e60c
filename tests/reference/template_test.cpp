// Tests of templates.

#include "reference/template.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

namespace appd::reference {

TEST_SUITE_BEGIN("template");

TEST_CASE("names between at signs are replaced, and nothing else is") {
  CHECK(fill_in("a @one@, @one@@two@.", {{"one", "1"}, {"two", "2"}}) == "a 1, 12.");
  CHECK(fill_in("x@(@one@) @@ ${a[@]} @", {{"one", "1"}}) == "x@(1) @@ ${a[@]} @");
  CHECK(fill_in("", {}) == "");
}

TEST_CASE("a part is not filled in itself") {
  CHECK(fill_in("@one@", {{"one", "@one@"}}) == "@one@");
}

TEST_CASE("a part of several lines ends with its own newline") {
  CHECK(fill_in("<\n@lines@\n>\n", {{"lines", "a\nb\n"}}) == "<\na\nb\n>\n");
  CHECK(fill_in("<\n@line@\n>\n", {{"line", "a"}}) == "<\na\n>\n");
}

TEST_CASE("a name without a part is an error") {
  CHECK_THROWS_AS(fill_in("@oen@", {{"one", "1"}}), std::runtime_error);
}

TEST_SUITE_END();

}  // namespace appd::reference
