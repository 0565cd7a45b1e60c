// Tests of the ini format.

#include "runtime/config/config_file.hpp"

#include <doctest/doctest.h>

#include "runtime/config/config_error.hpp"
#include "runtime/config/temporary_file.hpp"

namespace appd::config {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_ini(text, "x.ini");
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

}  // namespace

TEST_SUITE_BEGIN("config file");

TEST_CASE("keys, values and lines are read, comments and blanks are not") {
  const auto entries = parse_ini(
      "# comment\n; comment\n\n[appd]\n  a = 1\nb=2 # no comment\r\n\tc =\n[appd]\nd = x = y\n  # "
      "e = 1",
      "x.ini");
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].key == "a");
  CHECK(entries[0].value == "1");
  CHECK(entries[0].line == 5);
  CHECK(entries[1].key == "b");
  CHECK(entries[1].value == "2 # no comment");
  CHECK(entries[2].key == "c");
  CHECK(entries[2].value.empty());
  CHECK(entries[2].line == 7);
  CHECK(entries[3].key == "d");
  CHECK(entries[3].value == "x = y");
  CHECK(entries[3].line == 9);
}

TEST_CASE("an empty text has no entries") {
  CHECK(parse_ini("", "x.ini").empty());
  CHECK(parse_ini("[appd]", "x.ini").empty());
}

TEST_CASE("what is no entry of the section is refused with file and line") {
  CHECK(error_of("[appd]\n[other]\n") == "x.ini:2: unknown section [other]; only [appd] is read");
  CHECK(error_of("[uwsgi]\n")
            .starts_with("x.ini:1: [uwsgi] is a section of uWSGI; appd reads only [appd]."));
  CHECK(error_of("[appd") == "x.ini:1: unknown section [appd; only [appd] is read");
  CHECK(error_of("\nthreads = 4\n[appd]\n") == "x.ini:2: threads: must come after the line [appd]");
  CHECK(error_of("[appd]\nthreads\n") ==
        "x.ini:2: expected key = value, a comment or [appd], not: threads");
  CHECK(error_of("[appd]\n = 4\n") ==
        "x.ini:2: expected key = value, a comment or [appd], not: = 4");
}

TEST_CASE("a file is read whole") {
  const std::string content = std::string(10'000, 'x') + "\nend";
  const test::TemporaryFile file(content);
  CHECK(read_file(file.path()) == content);
}

TEST_CASE("a file that cannot be read is named with the reason") {
  CHECK_THROWS_WITH_AS(read_file("/nonexistent/appd.ini"),
                       "/nonexistent/appd.ini: cannot be read: No such file or directory",
                       ConfigError);
  CHECK_THROWS_WITH_AS(read_file("/"), "/: cannot be read: Is a directory", ConfigError);
}

TEST_SUITE_END();

}  // namespace appd::config
