// Tests of the --env-file format.

#include "runtime/config/env_file.hpp"

#include <doctest/doctest.h>

#include "runtime/config/config_error.hpp"
#include "runtime/config/temporary_file.hpp"

namespace appd::config {
namespace {

Variables parse(std::string_view text) {
  return parse_env_file(text, "F");
}

std::string value_of(std::string_view text) {
  const Variables found = parse(text);
  REQUIRE(found.size() == 1);
  CHECK(found.front().first == "A");
  return found.front().second;
}

std::string problem_with(std::string_view text) {
  try {
    parse(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_SUITE_BEGIN("env file");

TEST_CASE("variables come in order, comments and empty lines do not count") {
  CHECK(parse("") == Variables{});
  CHECK(parse("# A=1\n\n;B=2\n  \t\n") == Variables{});
  CHECK(parse("A=1\n  B_2=two\n# C=3\n_c=\nA=4") ==
        Variables{{"A", "1"}, {"B_2", "two"}, {"_c", ""}, {"A", "4"}});
  CHECK(parse("A=1\r\nB='2'\r\n") == Variables{{"A", "1"}, {"B", "2"}});
}

TEST_CASE("export before the name is taken as in a file for shells") {
  CHECK(parse("export A=1\nexport\tB=2\nexport=3\nexported=4\n") ==
        Variables{{"A", "1"}, {"B", "2"}, {"export", "3"}, {"exported", "4"}});
}

TEST_CASE("values are taken as systemd takes them") {
  struct Row {
    const char* text;
    const char* value;
  };
  const Row rows[] = {
      {"A=b=c", "b=c"},
      {"A=  b  c \t", "b  c"},
      {"A=b # no comment", "b # no comment"},
      {"A=it's \"so\"", "it's \"so\""},
      {"A=$HOME `x`", "$HOME `x`"},
      {"A=b\\ \\\\c\\d\\ ", "b \\cd "},
      {"A=one\\\ntwo", "onetwo"},
      {"A=b\\", "b"},
      {"A=''", ""},
      {"A=\"\"", ""},
      {"A=' b \\ \"c\" $d '", " b \\ \"c\" $d "},
      {"A= 'b'  ", "b"},
      {R"(A='a\"b\\c\$d')", R"(a\"b\\c\$d)"},
      {"A='one\n two\n'\n", "one\n two\n"},
      {"A=\"one\n two\"", "one\n two"},
      {"A=\"one\\\ntwo\"", "onetwo"},
      {R"(A="a\"b\\c\$d\`e\n'f'")", "a\"b\\c$d`e\\n'f'"},
      {"A=\xc3\xbc", "\xc3\xbc"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(value_of(row.text) == row.value);
  }
}

TEST_CASE("what cannot be meant is an error with file and line") {
  CHECK(problem_with("A=1\nnonsense\n") == "F:2: expected NAME=VALUE or a comment");
  CHECK(problem_with("\n\n=1\n") == "F:3: expected NAME=VALUE or a comment");
  for (const char* text : {"1A=1", "A B=1", "A =1", "A-B=1", "export", "export =1", "A"}) {
    CAPTURE(text);
    CHECK(problem_with(text) == "F:1: expected NAME=VALUE or a comment");
  }
  CHECK(problem_with("A=1\nB='2\nC=3\n") == "F:2: has an unclosed quote");
  CHECK(problem_with("A=\"1\\") == "F:1: has an unclosed quote");
  CHECK(problem_with("A='x\ny' # no comment") == "F:2: has text after the closing quote");
  CHECK(problem_with("A='x''y'") == "F:1: has text after the closing quote");
  CHECK(problem_with(std::string_view("A=1\nB=\0\n", 9)) == "F:2: contains a zero byte");
}

TEST_CASE("a line after values of several lines has its true number") {
  CHECK(problem_with("A='1\n2\n3'\nB=x\\\ny\nC\n") == "F:6: expected NAME=VALUE or a comment");
}

TEST_CASE("files come before --env, in their order") {
  const test::TemporaryFile first("A=1\nB=1\n");
  const test::TemporaryFile second("B=2\n");
  Settings settings;
  settings.env_files = {first.path(), second.path()};
  settings.env = {{"A", "0"}};
  CHECK(with_env_files(settings).env == Variables{{"A", "1"}, {"B", "1"}, {"B", "2"}, {"A", "0"}});
  CHECK(with_env_files({}).env == Variables{});
}

TEST_CASE("a file that cannot be read is named") {
  Settings settings;
  settings.env_files = {"/nonexistent/env"};
  CHECK_THROWS_WITH_AS(with_env_files(settings),
                       "/nonexistent/env: cannot be read: No such file or directory", ConfigError);
}

TEST_SUITE_END();

}  // namespace appd::config
