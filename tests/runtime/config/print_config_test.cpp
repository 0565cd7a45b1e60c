// Tests of --print-config.

#include "runtime/config/print_config.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/config/all_options.hpp"
#include "runtime/config/command_lines.hpp"
#include "runtime/config/option_table.hpp"
#include "runtime/config/temporary_file.hpp"

namespace appd::config {

using namespace test;

TEST_SUITE_BEGIN("print config");

TEST_CASE("what is printed makes the same settings again") {
  const TemporaryFile all(kAll);
  for (const Command& command :
       {parse({"--config", all.path()}), parse({"--config", all.path(), "--env=X=y", "--queue=0"}),
        parse_more({}),
        parse_more({"--spool-bodies", "--header-timeout", "2m", "--max-body=1000"})}) {
    const TemporaryFile printed(print_config(command));
    const Command again = parse({"--config", printed.path()});
    CHECK(again.settings == command.settings);
    CHECK(again.origins.at("threads").front().file == printed.path());
  }
}

TEST_CASE("each value is below the place it came from") {
  const TemporaryFile file("[appd]\nthreads = 8\npythonpath = /p\npythonpath = /q\n");
  const std::string text = print_config(parse(
      {"--config", file.path(), "--socket=/a", "--socket=/b", "--module=m", "--print-config"}));
  CHECK(text.starts_with("[appd]\n"));
  check_mentions(text, "# command line\nsocket = /a\n# command line\nsocket = /b\n");
  check_mentions(text, "# " + file.path() + ":2\nthreads = 8\n");
  check_mentions(text, "# " + file.path() + ":3\npythonpath = /p\n");
  check_mentions(text, "# " + file.path() + ":4\npythonpath = /q\n");
  check_mentions(text, "# default\nworkers = 7\n");
  check_mentions(text, "# default\nmax-params = 256K\n");
  check_mentions(text, "# default\nspool-dir = /scratch\n");
  check_mentions(text, "# default: not set\n#chdir =\n");
  check_mentions(text, "# default: not set\n#env =\n");
}

TEST_CASE("the number of workers that auto gave is printed") {
  check_mentions(print_config(parse_more({"--workers=auto"})), "# command line\nworkers = 7\n");
  check_mentions(print_config(parse_more({"--workers=2..auto"})),
                 "# command line\nworkers = 2..7\n");
}

TEST_CASE("every option of the table is printed, and no action") {
  const std::string text = print_config(parse({"--print-config"}));
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    const std::string line = std::string(option.name) + " =";
    const bool there =
        text.find("\n" + line) != std::string::npos || text.find("\n#" + line) != std::string::npos;
    CHECK(there == !option.is_action());
  }
}

TEST_SUITE_END();

}  // namespace appd::config
