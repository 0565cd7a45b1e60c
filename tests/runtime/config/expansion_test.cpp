// Tests of ${NAME} and its escapes.

#include "runtime/config/expansion.hpp"

#include <doctest/doctest.h>

#include <string>

namespace appd::config {
namespace {

const char* look_up(const char* name) {
  if (std::string_view(name) == "SITE") return "shop";
  if (std::string_view(name) == "RAW") return "%n${SITE}";
  return std::string_view(name) == "_2" ? "" : nullptr;
}

std::string value_of(std::string_view text, std::string_view option = "socket") {
  return expand(option, text, look_up);
}

std::string error_of(std::string_view text, std::string_view option = "socket") {
  try {
    return "no error: " + value_of(text, option);
  } catch (const ExpansionError& error) {
    return error.what();
  }
}

}  // namespace

TEST_SUITE_BEGIN("expansion");

TEST_CASE("variables are expanded, once") {
  CHECK(value_of("/run/${SITE}/app.sock") == "/run/shop/app.sock");
  CHECK(value_of("${SITE}${SITE}${_2}") == "shopshop");
  CHECK(value_of("A=${SITE}", "env") == "A=shop");
  CHECK(value_of("${RAW}") == "%n${SITE}");
}

TEST_CASE("what could be a variable can be written as it is") {
  CHECK(value_of("$${SITE}") == "${SITE}");
  CHECK(value_of("$$${SITE}") == "$${SITE}");
  CHECK(value_of("$$(SITE)") == "$(SITE)");
  CHECK(value_of("a$b$$c$") == "a$b$$c$");
  CHECK(value_of("100%") == "100%");
  CHECK(value_of("100%%n") == "100%n");
  CHECK(value_of("%3d") == "%3d");
  CHECK(value_of("%%n", "env") == "%%n");
}

TEST_CASE("a variable that is not set, or is none, is named") {
  CHECK(error_of("/run/${NOT_SET}") == "the environment variable NOT_SET is not set");
  for (const char* text : {"${", "${SITE", "${}", "${SITE:-x}", "${1}", "${A B}"}) {
    CAPTURE(text);
    CHECK(error_of(text).starts_with("contains ${ without NAME} after it; write $${"));
  }
}

TEST_CASE("what others expand is refused") {
  CHECK(error_of("/run/%n.sock") ==
        "contains %n, which appd does not expand; write what it stands for, or ${NAME} for an "
        "environment variable, or %%n for a literal %n");
  CHECK(error_of("%(deploy)/x").starts_with("contains %(deploy), which"));
  CHECK(error_of("/run/$(SITE).sock").starts_with("contains $(SITE), which"));
  CHECK(error_of("A=$(SITE)", "env").starts_with("contains $(SITE), which"));
  CHECK(error_of("$(SITE").starts_with("contains $(SITE), which"));
}

TEST_CASE("a percent sign is the option's own where that has a use for it") {
  for (const char* option : {"env", "access-log-format", "warmup"}) {
    CAPTURE(option);
    CHECK(value_of("A=%n %(x)s", option) == "A=%n %(x)s");
  }
}

TEST_CASE("what is escaped comes back") {
  for (const char* option : {"socket", "env"}) {
    for (const char* value :
         {"/run/a", "${A}", "$${A}", "$$${", "$(A)", "%n", "%%n", "%", "$", "$$"}) {
      CAPTURE(value);
      CHECK(expand(option, escape(option, value), look_up) == value);
    }
  }
}

TEST_SUITE_END();

}  // namespace appd::config
