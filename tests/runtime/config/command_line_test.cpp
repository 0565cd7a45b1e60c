// Tests of the command line with its file and its environment.

#include "runtime/config/command_line.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "runtime/config/all_options.hpp"
#include "runtime/config/command_lines.hpp"
#include "runtime/config/print_config.hpp"
#include "runtime/config/temporary_file.hpp"
#include "runtime/config/value_formats.hpp"

namespace appd::config {

using namespace std::chrono_literals;
using namespace test;

TEST_SUITE_BEGIN("command line");

TEST_CASE("the control socket is beside the pid file, else in the runtime directory") {
  Environment environment = kEnvironment;
  environment.runtime_directory = "/run/appd";
  const auto control = [&environment](std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv{"appd", "--socket", "/s", "--module", "m"};
    argv.insert(argv.end(), arguments);
    return parse_command_line(static_cast<int>(argv.size()), argv.data(), environment)
        .settings.control;
  };
  CHECK(control({}) == "/run/appd/appd.control");
  CHECK(control({"--pidfile", "/run/x/app.pid"}) == "/run/x/app.control");
  CHECK(control({"--pidfile", "/run/x/number"}) == "/run/x/number.control");
  CHECK(control({"--pidfile", "/run/x/app.pid", "--control", "/c"}) == "/c");
}

TEST_CASE("a first word without dashes is a verb, and needs no application") {
  const Command command = parse({"reload", "--control", "/c"});
  CHECK(command.action == Action::ask);
  CHECK(command.verb == "reload");
  CHECK(command.settings.control == "/c");
  CHECK(parse({"--socket", "/s", "--module", "m"}).verb == "");
}

TEST_CASE("who asks a running appd needs no more of the file than where it is") {
  const TemporaryFile file(
      "threads = 1\n[apd]\npidfile = /wrong\n[appd]\nthraeds = 4\nthreads = many\nno entry\n"
      "group = staff\npidfile = /run/x/app.pid\nmax-body = 1M\nconfig = /y\n");
  const Command command = parse({"stop", "--config", file.path()});
  CHECK(command.settings.control == "/run/x/app.control");
  REQUIRE(command.warnings.size() == 7);
  check_mentions(command.warnings[0], "threads: must come after");
  check_mentions(command.warnings[1], ":2: unknown section [apd]");
  check_mentions(command.warnings[2], ":3: pidfile: must come after");
  check_mentions(command.warnings[3], ":7: expected key = value");
  check_mentions(command.warnings[4], ":5: thraeds: unknown option; did you mean threads?");
  check_mentions(command.warnings[5], ":6: threads: bad value");
  check_mentions(command.warnings[6], ":11: config:");
  check_mentions(error_of({"--config", file.path()}), ":1: threads");
}

TEST_CASE("what stands in another section says nothing of where a running appd is") {
  const TemporaryFile file("[appd]\npidfile = /run/x/app.pid\n[uwsgi]\npidfile = /run/other.pid\n");
  CHECK(parse({"stop", "--config", file.path()}).settings.control == "/run/x/app.control");
}

TEST_CASE("who asks a running appd must be told where it is without a mistake") {
  const TemporaryFile file("[appd]\npidfile = /a\npidfile = /b\n");
  CHECK_THROWS_AS(parse({"stop", "--config", file.path()}), ConfigError);
  CHECK_THROWS_AS(parse({"stop", "--config", "/nonexistent/appd.ini"}), ConfigError);
  CHECK_THROWS_AS(parse({"stop", "--contrl", "/c"}), ConfigError);
}

TEST_CASE("a file's values are expanded, and the command line's are not") {
  ::setenv("APPD_TEST_SITE", "shop", 1);
  const TemporaryFile file("[appd]\npidfile = /run/${APPD_TEST_SITE}.pid\nchdir = ${NOT_SET}\n");
  const Command command = parse({"stop", "--config", file.path()});
  CHECK(command.settings.control == "/run/shop.control");
  REQUIRE(command.warnings.size() == 1);
  CHECK(error_of({"--config", file.path()}) ==
        file.path() + ":3: chdir: the environment variable NOT_SET is not set");
  const TemporaryFile empty("[appd]\nchdir = ${APPD_TEST_SITE}\n");
  ::setenv("APPD_TEST_SITE", "", 1);
  CHECK(error_of({"--config", empty.path()}) == empty.path() + ":2: chdir: needs a value");
  ::unsetenv("APPD_TEST_SITE");
  CHECK(parse_more({"--chdir", "/${X}%n"}).settings.chdir == "/${X}%n");
}

TEST_CASE("the command line wins over the file, and replaces lists") {
  const TemporaryFile file(kAll);
  const Command command = parse({"--threads", "9", "--config", file.path(), "--socket", "/other",
                                 "--spool-bodies=off", "--env=C=3", "--env=D=4"});
  Settings expected = all_settings();
  expected.threads = 9;
  expected.sockets = {"/other"};
  expected.spool_bodies = false;
  expected.env = {{"C", "3"}, {"D", "4"}};
  CHECK(command.settings == expected);
  const auto origin = [&](const char* name, std::size_t i) {
    return describe(command.origins.at(name).at(i));
  };
  CHECK(origin("threads", 0) == "command line");
  CHECK(command.origins.at("env").size() == 2);
  CHECK(origin("env", 1) == "command line");
  CHECK(origin("pythonpath", 0) == file.path() + ":20");
  CHECK(origin("pythonpath", 1) == file.path() + ":21");
}

TEST_CASE("options that nobody gave have no origin") {
  const Command command = parse_more({});
  CHECK(command.origins.size() == 2);
  CHECK(command.origins.contains("socket"));
  CHECK(command.origins.contains("module"));
}

TEST_CASE("actions are told apart, and help and version need nothing else") {
  CHECK(parse_more({}).action == Action::run);
  CHECK(parse_more({"--check"}).action == Action::check);
  CHECK(parse_more({"--print-config"}).action == Action::print_config);
  CHECK(parse({"--print-config"}).action == Action::print_config);
  CHECK(parse({"--version"}).action == Action::version);
  CHECK(parse({"--help"}).action == Action::help);
  CHECK(parse({"--config", "/nonexistent", "--help"}).action == Action::help);
  CHECK(parse({"--version", "--help"}).action == Action::help);
}

TEST_CASE("the addresses of the environment are those that nothing else names") {
  const auto parse_with = [](const char* servers, std::vector<const char*> more) {
    Environment environment = kEnvironment;
    environment.web_servers = servers;
    more.insert(more.begin(), {"appd", "--socket=/s", "--module=m"});
    return parse_command_line(static_cast<int>(more.size()), more.data(), environment);
  };
  const Command named = parse_with("199.170.183.28,10.0.0.0/8", {});
  CHECK(named.settings.allow ==
        std::vector{Network::parse("199.170.183.28"), Network::parse("10.0.0.0/8")});
  CHECK(named.settings.allow_from_environment);
  CHECK(print_config(named).find("# environment\nallow = 199.170.183.28\n# environment\nallow") !=
        std::string::npos);

  const Command replaced = parse_with("199.170.183.28", {"--allow=::1"});
  CHECK(replaced.settings.allow == std::vector{Network::parse("::1")});
  CHECK_FALSE(replaced.settings.allow_from_environment);
  CHECK(parse_with("", {}).settings.allow.empty());

  for (const char* bad : {"localhost", "10.0.0.1,", ",", "10.0.0.1 ,10.0.0.2"}) {
    CAPTURE(bad);
    std::string error;
    try {
      parse_with(bad, {});
    } catch (const ConfigError& thrown) {
      error = thrown.what();
    }
    CHECK(error.starts_with("environment: FCGI_WEB_SERVER_ADDRS: bad value \""));
  }
}

TEST_CASE("the environment is that of the process") {
  const Environment environment = read_environment();
  CHECK(environment.cpus >= 1);
  const char* const before = std::getenv("TMPDIR");
  const std::string saved = before ? before : "";
  ::setenv("TMPDIR", "/elsewhere", 1);
  CHECK(read_environment().temporary_directory == "/elsewhere");
  ::setenv("TMPDIR", "", 1);
  CHECK(read_environment().temporary_directory == "/var/tmp");
  ::unsetenv("TMPDIR");
  CHECK(read_environment().temporary_directory == "/var/tmp");
  if (before) ::setenv("TMPDIR", saved.c_str(), 1);
  CHECK(read_environment().web_servers == "");
  ::setenv("FCGI_WEB_SERVER_ADDRS", "10.0.0.1", 1);
  CHECK(read_environment().web_servers == "10.0.0.1");
  ::unsetenv("FCGI_WEB_SERVER_ADDRS");
}

TEST_CASE("where nobody says what is slow, that is so in time") {
  CHECK(parse_more({"--request-timeout=6s"}).settings.slow_request == 5s);
  CHECK(parse_more({"--request-timeout=5s"}).settings.slow_request == 2500ms);
  CHECK(parse_more({"--request-timeout=300ms"}).settings.slow_request == 150ms);
  CHECK(parse_more({"--request-timeout=1ms"}).settings.slow_request == 1ms);
  CHECK(parse_more({"--request-timeout=0"}).settings.slow_request == 5s);
  CHECK(parse_more({"--request-timeout=3s", "--slow-request=2s"}).settings.slow_request == 2s);
}

TEST_SUITE_END();

}  // namespace appd::config
