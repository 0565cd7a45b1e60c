// Tests of the options in man pages.

#include "reference/man_page.hpp"

#include <doctest/doctest.h>

#include "runtime/config/option_table.hpp"

namespace appd::reference {
namespace {

bool has(const std::string& page, std::string_view text) {
  return page.find(text) != std::string::npos;
}

}  // namespace

TEST_SUITE_BEGIN("man page");

TEST_CASE("an option has its value and its default") {
  const std::string page = option_sections(Form::command_line);
  CHECK(page.starts_with(".SS Sockets\n.TP\n\\fB\\-\\-socket\\fR \\fIADDRESS\\fR\nAddress"));
  CHECK(
      has(page, "\n.TP\n\\fB\\-\\-threads\\fR \\fIN\\fR\nThreads in each worker.\nDefault: 4.\n"));
  CHECK(has(page, "\n.TP\n\\fB\\-\\-spool\\-bodies\\fR\nStart"));
  CHECK(has(page, "\n.SS Configuration and information\n.TP\n\\fB\\-\\-config\\fR \\fIFILE\\fR\n"));
}

TEST_CASE("a file has values for flags, and no actions") {
  const std::string page = option_sections(Form::file);
  CHECK(has(page, "\n.TP\n\\fBthreads\\fR = \\fIN\\fR\nThreads in each worker.\nDefault: 4.\n"));
  CHECK(has(page, "\n.TP\n\\fBspool\\-bodies\\fR = \\fBtrue\\fR | \\fBfalse\\fR\n"));
  CHECK(has(page, "has arrived.\nDefault: false.\n"));
  CHECK_FALSE(has(page, "Configuration and information"));
  CHECK_FALSE(has(page, "config\\fR = "));
}

TEST_CASE("each group has one heading") {
  const std::string page = option_sections(Form::command_line);
  std::size_t headings = 0;
  for (std::size_t at = page.find(".SS "); at != std::string::npos;
       at = page.find(".SS ", at + 1)) {
    ++headings;
  }
  CHECK(headings == 8);
}

TEST_SUITE_END();

}  // namespace appd::reference
