// Tests of what shells are told to offer.

#include "reference/completion.hpp"

#include <doctest/doctest.h>

namespace appd::reference {
namespace {

Offer offer(std::string_view name) {
  return offer_of(*config::find_option(name));
}

}  // namespace

TEST_SUITE_BEGIN("completion");

TEST_CASE("the argument's name decides, and words come first") {
  CHECK(offer("protocol") == Offer::words);
  CHECK(offer("spool-bodies") == Offer::words);
  CHECK(offer("config") == Offer::files);
  CHECK(offer("control") == Offer::files);
  CHECK(offer("socket") == Offer::files);
  CHECK(offer("module") == Offer::python_files);
  CHECK(offer("chdir") == Offer::folders);
  CHECK(offer("user") == Offer::users);
  CHECK(offer("group") == Offer::groups);
  CHECK(offer("threads") == Offer::nothing);
  CHECK(offer("check") == Offer::nothing);
}

TEST_CASE("a summary is the first sentence without its full stop") {
  CHECK(summary("One of MIN..MAX. Two.") == "One of MIN..MAX");
  CHECK(summary("One.") == "One");
  CHECK(summary("") == "");
}

TEST_CASE("a quoted text ends where it should") {
  CHECK(quote("a's", "'\\''") == "'a'\\''s'");
  CHECK(quote("", "") == "''");
}

TEST_CASE("the help is such that no shell takes a part of it for something else") {
  for (const config::Option& option : config::option_table()) {
    CAPTURE(option.name);
    for (const char c : option.help) CHECK((c >= ' ' && c <= '~' && c != '\\' && c != '`'));
  }
}

TEST_CASE("the verbs are joined") {
  CHECK(verb_names("|") == "reload|upgrade|stop|status");
}

TEST_SUITE_END();

}  // namespace appd::reference
