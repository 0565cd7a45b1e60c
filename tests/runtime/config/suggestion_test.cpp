// Tests of edit distances and proposed names.

#include "runtime/config/suggestion.hpp"

#include <doctest/doctest.h>

#include <array>

namespace appd::config {

TEST_SUITE_BEGIN("suggestion");

TEST_CASE("the distance counts letters put in, left out, replaced and swapped") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("threads", "threads") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("thread", "threads") == 1);
  CHECK(edit_distance("threads", "treads") == 1);
  CHECK(edit_distance("threads", "threats") == 1);
  CHECK(edit_distance("threads", "thraeds") == 1);
  CHECK(edit_distance("workers", "wrokesr") == 2);
  CHECK(edit_distance("abc", "xyz") == 3);
}

TEST_CASE("the nearest name is found, but not at any price") {
  constexpr std::array<std::string_view, 5> kNames{"socket", "socket-mode", "threads", "max-body",
                                                   "body-buffer"};
  CHECK(nearest("thread", kNames) == "threads");
  CHECK(nearest("sokcet", kNames) == "socket");
  CHECK(nearest("socket_mode", kNames) == "socket-mode");
  CHECK(nearest("--threads", kNames) == "threads");
  CHECK(nearest("body", kNames) == "body-buffer");
  // Two letters may be wrong, or a third of them.
  constexpr std::array<std::string_view, 2> kThresholds{"abcdef", "abcdefghijkl"};
  CHECK(nearest("abcdxy", kThresholds) == "abcdef");
  CHECK(nearest("abcxyz", kThresholds) == "");
  CHECK(nearest("abcdefghwxyz", kThresholds) == "abcdefghijkl");
  CHECK(nearest("abcdefgvwxyz", kThresholds) == "");
  CHECK(nearest("http-socket-options", kNames) == "");
  CHECK(nearest("xyz", kNames) == "");
  CHECK(nearest("so", kNames) == "");
}

TEST_SUITE_END();

}  // namespace appd::config
