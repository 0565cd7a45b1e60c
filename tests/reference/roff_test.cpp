// Tests of the text in man pages.

#include "reference/roff.hpp"

#include <doctest/doctest.h>

#include <sstream>

namespace appd::reference {

TEST_SUITE_BEGIN("man page text");

TEST_CASE("dashes and backslashes are those of a keyboard") {
  CHECK(escape("socket-mode \\x1b") == "socket\\-mode \\ex1b");
}

TEST_CASE("each sentence begins a line") {
  CHECK(paragraph("One. Two goes on. 0 disables it.", Form::command_line) ==
        "One.\nTwo goes on.\n0 disables it.\n");
  CHECK(paragraph("", Form::command_line) == "");
  CHECK(paragraph("MIN..MAX is none", Form::command_line) == "MIN..MAX is none\n");
}

TEST_CASE("no word begins a request") {
  CHECK(paragraph("One. .py or 'x'.", Form::command_line) == "One.\n\\&.py or \\&'x'.\n");
}

TEST_CASE("a line is no longer than lint allows") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word ";
  std::istringstream lines(paragraph(text + "--socket", Form::command_line));
  std::size_t longest = 0, words = 0;
  for (std::string line; std::getline(lines, line); words += line.size() + 1) {
    longest = std::max(longest, line.size());
  }
  CHECK(longest <= 80);
  CHECK(longest > 70);
  CHECK(words == 500 + std::string("\\fB\\-\\-socket\\fR").size() + 1);
}

TEST_CASE("options are bold, and have no dashes in a file") {
  const char* const text = "(--threads), --preload=force; --check --unknown-one a--b -- --";
  CHECK(paragraph(text, Form::command_line) ==
        "(\\fB\\-\\-threads\\fR), \\fB\\-\\-preload\\fR=force; \\fB\\-\\-check\\fR\n"
        "\\fB\\-\\-unknown\\-one\\fR a\\fB\\-\\-b\\fR \\-\\- \\-\\-\n");
  CHECK(paragraph("(--threads), --preload=force; --check", Form::file) ==
        "(\\fBthreads\\fR), \\fBpreload\\fR = force; \\fB\\-\\-check\\fR\n");
}

TEST_SUITE_END();

}  // namespace appd::reference
