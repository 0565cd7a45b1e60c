// Tests of the errors of a command line and of its file.

#include <doctest/doctest.h>

#include "runtime/config/command_lines.hpp"
#include "runtime/config/config_error.hpp"

namespace appd::config {

using namespace test;

TEST_SUITE_BEGIN("command line");

TEST_CASE("what is required is asked for") {
  CHECK_THROWS_WITH_AS(
      parse({"--module", "m"}),
      "command line: --socket: is required; give --socket ADDRESS, or socket = … in "
      "the --config file; or --http ADDRESS for HTTP clients",
      ConfigError);
  CHECK_NOTHROW(parse({"--module", "m", "--http", "127.0.0.1:8000"}));
  CHECK_THROWS_AS(parse({"--socket", "/s"}), ConfigError);
  CHECK_THROWS_AS(parse({"--check"}), ConfigError);
  CHECK(ConfigError("").exit_code() == 2);
}

TEST_CASE("an unknown option is named with the nearest one") {
  CHECK(error_of({"--thread", "4"}) ==
        "command line: --thread: unknown option; did you mean --threads?");
  CHECK(error_of({"--wrokers=4"}) ==
        "command line: --wrokers: unknown option; did you mean --workers?");
  CHECK(error_of({"--http-socket-options"}) ==
        "command line: --http-socket-options: unknown option");
  CHECK(error_of({"--Threads=4"}) ==
        "command line: --Threads: unknown option; did you mean --threads?");
  CHECK(error_of({"-threads", "4"}) ==
        "command line: unexpected argument \"-threads\"; did you mean --threads?");
  CHECK(error_of({"app.py"}) == "command line: unexpected argument \"app.py\"");
  CHECK(error_of({"--", "x"}) == "command line: unexpected argument \"x\"");
  CHECK(error_of_file("[appd]\nthread = 4\n") ==
        "F:2: thread: unknown option; did you mean threads?");
  CHECK(error_of_file("[appd]\n\n--threads = 4\n") ==
        "F:3: --threads: unknown option; did you mean threads?");
  CHECK(error_of_file("[appd]\nchek = true\n") == "F:2: chek: unknown option");
}

TEST_CASE("abbreviations are not guessed") {
  CHECK(error_of({"--print", "x"}) ==
        "command line: --print: unknown option; did you mean --print-config?");
}

TEST_CASE("options of other servers are told with those that are here") {
  CHECK(
      error_of({"--wsgi-file", "app.py"}) ==
      "command line: --wsgi-file: is an option of uWSGI; in appd: --module (the path of the file)");
  CHECK(error_of({"--processes=4"}) ==
        "command line: --processes: is an option of uWSGI; in appd: --workers");
  CHECK(error_of({"--bind", ":80"}) ==
        "command line: --bind: is an option of gunicorn; in appd: --socket, --http");
  CHECK(error_of_file("[appd]\nchown-socket = a:b\n") ==
        "F:2: chown-socket: is an option of uWSGI; in appd: socket-owner, socket-group");
  CHECK(error_of_file("[appd]\nmaster = true\n") ==
        "F:2: master: is an option of uWSGI; not needed: appd always has one");
  CHECK(error_of_file("[appd]\nworker_class = gthread\n") ==
        "F:2: worker_class: is an option of gunicorn; not available: appd uses threads");
  check_mentions(error_of({"-w", "4"}), "\"-w\"; appd has no one-letter options");
}

TEST_CASE("a bad value is named with what is expected") {
  CHECK(error_of({"--threads", "many"}) ==
        "command line: --threads: bad value \"many\", expected a number from 1 to 1024");
  CHECK(error_of({"--spool-bodies=maybe"}) ==
        "command line: --spool-bodies: bad value \"maybe\", expected true or false");
  CHECK(error_of_file("[appd]\nmax-params = 0\n") ==
        "F:2: max-params: bad value \"0\", expected a size above 0, such as 256K");
  CHECK(error_of_file("# x\n[appd]\nenv = A=1\nenv = B\n") ==
        "F:4: env: bad value \"B\", expected NAME=VALUE");
}

TEST_CASE("a value must be there and fit in a line of a file") {
  CHECK(error_of({"--threads"}) == "command line: --threads: needs a value");
  CHECK(error_of({"--chdir="}) == "command line: --chdir: needs a value");
  CHECK(error_of({"--chdir", ""}) == "command line: --chdir: needs a value");
  CHECK(error_of({"--chdir", "--check"}) == "command line: --chdir: needs a value before --check");
  CHECK(error_of({"--chdir=--check"}) == "no error");
  CHECK(error_of_file("[appd]\nchdir =\n") == "F:2: chdir: needs a value");
  CHECK(error_of({"--check=1"}) == "command line: --check: takes no value");
  CHECK(error_of({"--chdir", "/a\nb"}) ==
        "command line: --chdir: the value contains a control character");
  CHECK(error_of_file("[appd]\nchdir = a\tb\n") ==
        "F:2: chdir: the value contains a control character");
  CHECK(error_of({"--chdir", "/a\x7f"}) ==
        "command line: --chdir: the value contains a control character");
  check_mentions(error_of({"--chdir", "/a "}), "--chdir: the value begins or ends with a blank");
  check_mentions(error_of({"--chdir", " /a"}), "--chdir: the value begins or ends with a blank");
}

TEST_CASE("what has one value is given once in each source") {
  CHECK(error_of({"--threads=1", "--threads=1"}) == "command line: --threads: given twice");
  CHECK(error_of({"--spool-bodies", "--spool-bodies"}) ==
        "command line: --spool-bodies: given twice");
  CHECK(error_of({"--config=a", "--config=b"}) == "command line: --config: given twice");
  CHECK(error_of_file("[appd]\nthreads = 1\n\nthreads = 2\n") ==
        "F:4: threads: given twice, first in line 2");
  CHECK(error_of_file("[appd]\nthreads = 1\n", {"--threads", "2"}) == "no error");
}

TEST_CASE("actions are no business of a file") {
  CHECK(error_of_file("[appd]\ncheck = true\n") ==
        "F:2: check: is allowed only on the command line");
  CHECK(error_of_file("[appd]\nconfig = x\n") ==
        "F:2: config: is allowed only on the command line");
}

TEST_CASE("errors of the file itself have their place") {
  CHECK(error_of_file("[other]\n") == "F:1: unknown section [other]; only [appd] is read");
  CHECK(error_of({"--config", "/nonexistent/a.ini"}) ==
        "/nonexistent/a.ini: cannot be read: No such file or directory");
}

TEST_CASE("what warm-up asks for is a path or a URL") {
  for (const char* bad : {"", "health", "/a b", "/\xc3\xa4", "ftp://a/b", "https:///b"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse({"--socket", "/s", "--module", "m", "--warmup", bad}), ConfigError);
  }
}

TEST_CASE("a mount leaves nothing to trust") {
  CHECK(error_of({"--python=/p", "--virtualenv=/v"}) ==
        "command line: --python: cannot be combined with virtualenv");
  CHECK(error_of({"--mount=/m", "--trust-script-name"}) ==
        "command line: --mount: cannot be combined with trust-script-name");
  CHECK(error_of_file("[appd]\nmount = /m\n", {"--trust-script-name"}) ==
        "F:2: mount: cannot be combined with trust-script-name");
}

TEST_CASE("a group needs a user") {
  CHECK(error_of({"--group=g"}) == "command line: --group: requires --user");
  CHECK(error_of({"--group=g", "--user=u"}) == "no error");
}

TEST_CASE("a request is not slow for the first time when it is interrupted") {
  CHECK(
      error_of({"--slow-request=31s", "--request-timeout=30s"}) ==
      "command line: --slow-request: exceeds request-timeout (30s), so it would never be reached");
  CHECK(error_of_file("[appd]\nslow-request = 1h\n") ==
        "F:2: slow-request: exceeds request-timeout (55s), so it would never be reached");
  CHECK(error_of({"--slow-request=30s", "--request-timeout=30s"}) == "no error");
  CHECK(error_of({"--slow-request=1h", "--request-timeout=0"}) == "no error");
  CHECK(error_of({"--slow-request=0", "--request-timeout=1s"}) == "no error");
}

TEST_SUITE_END();

}  // namespace appd::config
