// Tests of the command line with its file, of errors, and of --print-config.

#include "runtime/config/command_line.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "runtime/config/option_table.hpp"
#include "runtime/config/print_config.hpp"
#include "runtime/config/temporary_file.hpp"
#include "runtime/config/value_formats.hpp"

namespace appd::config {
namespace {

using namespace std::chrono_literals;
using test::TemporaryFile;

constexpr unsigned kCpus = 7;
const Environment kEnvironment{kCpus, "/scratch"};

Command parse(std::vector<std::string> arguments) {
  std::vector<const char*> argv{"appd"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), kEnvironment);
}

// Adds the required options.
Command parse_more(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--socket", "/s", "--module", "m"});
  return parse(std::move(arguments));
}

std::string error_of(std::vector<std::string> arguments) {
  try {
    parse_more(std::move(arguments));
    return "no error";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

// The error's text, with the file's path as "F".
std::string error_of_file(std::string_view content, std::vector<std::string> more = {}) {
  const TemporaryFile file(content);
  more.insert(more.begin(), {"--config", file.path()});
  std::string text = error_of(more);
  if (const std::size_t at = text.find(file.path()); at != std::string::npos) {
    text.replace(at, file.path().size(), "F");
  }
  return text;
}

void check_mentions(const std::string& text, std::string_view part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace

TEST_SUITE_BEGIN("command line");

TEST_CASE("the defaults are those that are documented") {
  const Settings settings = parse({"--socket", "/run/a.sock", "--module=app:application"}).settings;
  CHECK(settings.sockets == std::vector<std::string>{"/run/a.sock"});
  CHECK(settings.module == "app:application");
  CHECK(settings.socket_mode == 0660);
  CHECK(settings.socket_owner == "");
  CHECK(settings.socket_group == "");
  CHECK(settings.protocol == ProtocolChoice::automatic);
  CHECK(settings.chdir == "");
  CHECK(settings.pythonpath.empty());
  CHECK(settings.virtualenv == "");
  CHECK(settings.env.empty());
  CHECK(settings.env_files.empty());
  CHECK(settings.mount == "");
  CHECK_FALSE(settings.trust_script_name);
  CHECK_FALSE(settings.trust_forwarded_proto);
  CHECK_FALSE(settings.trust_uwsgi_scheme);
  CHECK_FALSE(settings.drop_remote_user);
  CHECK(settings.workers == WorkerRange{kCpus, kCpus});
  CHECK(settings.scale_up_wait == 20ms);
  CHECK(settings.scale_down_idle == 60s);
  CHECK(settings.threads == 4);
  CHECK(settings.queue == 512);
  CHECK(settings.preload == Preload::off);
  CHECK(settings.graceful_timeout == 30s);
  CHECK(settings.exit_timeout == 10s);
  CHECK(settings.start_timeout == 5min);
  CHECK_FALSE(settings.max_crashes.has_value());
  CHECK(settings.user == "");
  CHECK(settings.group == "");
  CHECK(settings.pidfile == "");
  CHECK(settings.control == "");
  CHECK(settings.touch_reload == "");
  CHECK(settings.warmups.empty());
  CHECK(settings.warmup_accept.empty());
  CHECK(settings.max_requests == 0);
  CHECK(settings.max_requests_jitter == 0);
  CHECK(settings.max_lifetime == 0s);
  CHECK(settings.max_memory == 0);
  CHECK(settings.heartbeat == 15s);
  CHECK(settings.reload_strategy == ReloadStrategy::overlap);
  CHECK_FALSE(settings.umask.has_value());
  CHECK(settings.max_params == 256 * 1024);
  CHECK(settings.max_body == std::uint64_t{1} << 30);
  CHECK(settings.spool_limit == std::uint64_t{4} << 30);
  CHECK(settings.allow.empty());
  CHECK(settings.allow_users.empty());
  CHECK(settings.body_buffer == 1024 * 1024);
  CHECK(settings.spool_dir == "/scratch");
  CHECK_FALSE(settings.spool_bodies);
  CHECK(settings.header_timeout == 15s);
  CHECK(settings.body_timeout == 75s);
  CHECK(settings.write_timeout == 75s);
  CHECK(settings.queue_timeout == 30s);
  CHECK(settings.slow_request == 5s);
  CHECK(settings.request_timeout == 55s);
  CHECK(settings.timeout_grace == 5s);
  CHECK(settings.log_level == "info");
  CHECK(settings.access_log == "");
  CHECK(settings.access_log_format == "");
  CHECK_FALSE(settings.fastcgi_stderr);

  Settings defaults = default_settings(kEnvironment);
  defaults.sockets = settings.sockets;
  defaults.module = settings.module;
  CHECK(defaults == settings);
}

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
      "group = staff\npidfile = /run/x/app.pid\nmax-body = 1M\n");
  const Command command = parse({"stop", "--config", file.path()});
  CHECK(command.settings.control == "/run/x/app.control");
  REQUIRE(command.warnings.size() == 6);
  check_mentions(command.warnings[0], "threads: must come after");
  check_mentions(command.warnings[1], ":2: unknown section [apd]");
  check_mentions(command.warnings[2], ":3: pidfile: must come after");
  check_mentions(command.warnings[3], ":7: expected key = value");
  check_mentions(command.warnings[4], ":5: thraeds: unknown option; did you mean threads?");
  check_mentions(command.warnings[5], ":6: threads: bad value");
  check_mentions(error_of({"--config", file.path()}), ":1: threads");
}

TEST_CASE("what stands in another section says nothing of where a running appd is") {
  const TemporaryFile file("[appd]\npidfile = /run/x/app.pid\n[uwsgi]\npidfile = /run/other.pid\n");
  CHECK(parse({"stop", "--config", file.path()}).settings.control == "/run/x/app.control");
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

TEST_CASE("who asks a running appd must be told where it is without a mistake") {
  const TemporaryFile file("[appd]\npidfile = /a\npidfile = /b\n");
  CHECK_THROWS_AS(parse({"stop", "--config", file.path()}), ConfigError);
  CHECK_THROWS_AS(parse({"stop", "--config", "/nonexistent/appd.ini"}), ConfigError);
  CHECK_THROWS_AS(parse({"stop", "--contrl", "/c"}), ConfigError);
}

TEST_CASE("options of other servers are told with those that are here") {
  CHECK(
      error_of({"--wsgi-file", "app.py"}) ==
      "command line: --wsgi-file: is an option of uWSGI; in appd: --module (the path of the file)");
  CHECK(error_of({"--processes=4"}) ==
        "command line: --processes: is an option of uWSGI; in appd: --workers");
  CHECK(error_of({"--bind", ":80"}) ==
        "command line: --bind: is an option of gunicorn; in appd: --socket");
  CHECK(error_of_file("[appd]\nchown-socket = a:b\n") ==
        "F:2: chown-socket: is an option of uWSGI; in appd: socket-owner, socket-group");
  CHECK(error_of_file("[appd]\nmaster = true\n") ==
        "F:2: master: is an option of uWSGI; not needed: appd always has one");
  CHECK(error_of_file("[appd]\nworker_class = gthread\n") ==
        "F:2: worker_class: is an option of gunicorn; not available: appd uses threads");
  check_mentions(error_of({"-w", "4"}), "\"-w\"; appd has no one-letter options");
}

TEST_CASE("what warm-up asks for is a path or a URL") {
  for (const char* bad : {"", "health", "/a b", "/\xc3\xa4", "ftp://a/b", "https:///b"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse({"--socket", "/s", "--module", "m", "--warmup", bad}), ConfigError);
  }
}

// One line of an ini file for each option in Settings, none with its default value, and the
// settings they make.
constexpr const char* kAll =
    "[appd]\nsocket = /s\nsocket = [::1]:80\nsocket-mode = 0600\nsocket-owner = o\nsocket-group = "
    "g\n"
    "allow = 10.0.0.0/8\nallow = ::1\nallow-user = www-data\nallow-user = 7\n"
    "protocol = scgi\nmodule = m:a\nchdir = /c\npythonpath = /p\npythonpath = /q\nvirtualenv = /v\n"
    "env = A=1\nenv = B=x = y\nenv-file = /e\nenv-file = /f\nmount = /m\ntrust-script-name = "
    "no\ntrust-forwarded-proto = on\n"
    "trust-uwsgi-scheme = 1\ndrop-remote-user = yes\nworkers = 2..9\nscale-up-wait = "
    "50ms\nscale-down-idle = 2m\nthreads = 3\nqueue = 5\n"
    "preload = force\ngraceful-timeout = 1m\nexit-timeout = 4s\nstart-timeout = 2m\nmax-crashes = "
    "5/60\nuser = "
    "u\ngroup = gr\numask = "
    "0027\npidfile = /pid\n"
    "control = /co\ntouch-reload = /t\nwarmup = /one\nwarmup = https://a:1/two?x=1\n"
    "warmup-accept = 3xx,404\n"
    "reload-strategy = rolling\nmax-requests = 1000\nmax-requests-jitter = 10\n"
    "max-lifetime = 1h\nmax-memory = 1G\nheartbeat = 7s\n"
    "max-params = 64K\nmax-body = 2G\nbody-buffer = "
    "3M\nspool-dir = /sp\nspool-limit = 5M\n"
    "spool-bodies = true\nheader-timeout = 1500ms\nbody-timeout = 2\nwrite-timeout = 3s\n"
    "queue-timeout = 9s\nslow-request = 7s\nrequest-timeout = 8s\ntimeout-grace = 6s\n"
    "log-level = debug\naccess-log = -\naccess-log-format = {method} # {uri}\nfastcgi-stderr = "
    "true\n";

Settings all_settings() {
  Settings s;
  s.sockets = {"/s", "[::1]:80"};
  s.socket_mode = 0600;
  s.socket_owner = "o";
  s.socket_group = "g";
  s.allow = {Network::parse("10.0.0.0/8"), Network::parse("::1")};
  s.allow_users = {"www-data", "7"};
  s.protocol = ProtocolChoice::scgi;
  s.module = "m:a";
  s.chdir = "/c";
  s.pythonpath = {"/p", "/q"};
  s.virtualenv = "/v";
  s.env = {{"A", "1"}, {"B", "x = y"}};
  s.env_files = {"/e", "/f"};
  s.mount = "/m";
  s.trust_forwarded_proto = s.trust_uwsgi_scheme = s.drop_remote_user = true;
  s.workers = {2, 9};
  s.scale_up_wait = 50ms;
  s.scale_down_idle = 120s;
  s.threads = 3;
  s.queue = 5;
  s.preload = Preload::force;
  s.graceful_timeout = 60s;
  s.exit_timeout = 4s;
  s.start_timeout = 120s;
  s.max_crashes = MaxCrashes{5, 60s};
  s.user = "u";
  s.group = "gr";
  s.umask = 027;
  s.pidfile = "/pid";
  s.control = "/co";
  s.touch_reload = "/t";
  s.warmups = {{.https = false, .host = "", .target = "/one"},
               {.https = true, .host = "a:1", .target = "/two?x=1"}};
  s.warmup_accept = {{300, 399}, {404, 404}};
  s.reload_strategy = ReloadStrategy::rolling;
  s.max_requests = 1000;
  s.max_requests_jitter = 10;
  s.max_lifetime = 1h;
  s.max_memory = 1ull << 30;
  s.heartbeat = 7s;
  s.max_params = 65536;
  s.max_body = 2147483648;
  s.body_buffer = 3 * 1024 * 1024;
  s.spool_dir = "/sp";
  s.spool_limit = 5 * 1024 * 1024;
  s.spool_bodies = true;
  s.header_timeout = 1500ms;
  s.body_timeout = 2s;
  s.write_timeout = 3s;
  s.queue_timeout = 9s;
  s.slow_request = 7s;
  s.request_timeout = 8s;
  s.timeout_grace = 6s;
  s.log_level = "debug";
  s.access_log = "-";
  s.access_log_format = "{method} # {uri}";
  s.fastcgi_stderr = true;
  return s;
}

TEST_CASE("a file can say everything") {
  const TemporaryFile file(kAll);
  CHECK(parse({"--config", file.path()}).settings == all_settings());
}

TEST_CASE("the command line can say everything") {
  const Settings settings = parse({"--socket",
                                   "/s",
                                   "--socket=[::1]:80",
                                   "--socket-mode=0600",
                                   "--socket-owner",
                                   "o",
                                   "--socket-group",
                                   "g",
                                   "--allow=10.0.0.0/8",
                                   "--allow",
                                   "::1",
                                   "--allow-user=www-data",
                                   "--allow-user=7",
                                   "--protocol",
                                   "scgi",
                                   "--module",
                                   "m:a",
                                   "--chdir",
                                   "/c",
                                   "--pythonpath",
                                   "/p",
                                   "--pythonpath=/q",
                                   "--virtualenv",
                                   "/v",
                                   "--env",
                                   "A=1",
                                   "--env=B=x = y",
                                   "--env-file",
                                   "/e",
                                   "--env-file=/f",
                                   "--mount",
                                   "/m",
                                   "--trust-script-name=no",
                                   "--trust-forwarded-proto",
                                   "--trust-uwsgi-scheme=on",
                                   "--drop-remote-user",
                                   "--workers",
                                   "2..9",
                                   "--scale-up-wait",
                                   "50ms",
                                   "--scale-down-idle",
                                   "2m",
                                   "--threads",
                                   "3",
                                   "--queue=5",
                                   "--preload=force",
                                   "--graceful-timeout",
                                   "1m",
                                   "--exit-timeout=4s",
                                   "--start-timeout=2m",
                                   "--max-crashes=5/1m",
                                   "--user=u",
                                   "--group",
                                   "gr",
                                   "--umask=27",
                                   "--pidfile",
                                   "/pid",
                                   "--max-params",
                                   "64K",
                                   "--max-body",
                                   "2G",
                                   "--body-buffer",
                                   "3M",
                                   "--spool-dir",
                                   "/sp",
                                   "--spool-limit=5M",
                                   "--spool-bodies",
                                   "--header-timeout",
                                   "1500ms",
                                   "--body-timeout",
                                   "2",
                                   "--write-timeout",
                                   "3s",
                                   "--queue-timeout",
                                   "9s",
                                   "--slow-request",
                                   "7s",
                                   "--request-timeout",
                                   "8s",
                                   "--timeout-grace",
                                   "6s",
                                   "--log-level",
                                   "debug",
                                   "--access-log",
                                   "-",
                                   "--access-log-format",
                                   "{method} # {uri}",
                                   "--fastcgi-stderr",
                                   "--control",
                                   "/co",
                                   "--touch-reload",
                                   "/t",
                                   "--warmup",
                                   "/one",
                                   "--warmup",
                                   "https://a:1/two?x=1",
                                   "--warmup-accept",
                                   "3xx,404",
                                   "--reload-strategy",
                                   "rolling",
                                   "--max-requests=1000",
                                   "--max-requests-jitter=10",
                                   "--max-lifetime=1h",
                                   "--max-memory=1G",
                                   "--heartbeat=7"})
                                .settings;
  CHECK(settings == all_settings());
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
  CHECK(origin("pythonpath", 0) == file.path() + ":14");
  CHECK(origin("pythonpath", 1) == file.path() + ":15");
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

TEST_CASE("what is required is asked for") {
  CHECK_THROWS_WITH_AS(
      parse({"--module", "m"}),
      "command line: --socket: is required; give --socket ADDRESS, or socket = … in "
      "the --config file",
      ConfigError);
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

TEST_CASE("every option refuses what it cannot use") {
  struct Row {
    const char* name;
    const char* value;
  };
  const Row rows[] = {
      {"socket-mode", "abc"},
      {"allow", "localhost"},
      {"protocol", "http"},
      {"env", "X"},
      {"mount", "app"},
      {"trust-script-name", "2"},
      {"trust-forwarded-proto", "2"},
      {"trust-uwsgi-scheme", "2"},
      {"drop-remote-user", "2"},
      {"workers", "0"},
      {"warmup-accept", "2x"},
      {"threads", "0"},
      {"queue", "-1"},
      {"preload", "2"},
      {"graceful-timeout", "x"},
      {"start-timeout", "x"},
      {"max-crashes", "5"},
      {"umask", "rwx"},
      {"max-params", "0"},
      {"max-body", "x"},
      {"body-buffer", "0"},
      {"spool-limit", "x"},
      {"spool-bodies", "2"},
      {"header-timeout", "0"},
      {"body-timeout", "0"},
      {"write-timeout", "0"},
      {"log-level", "trace"},
      {"fastcgi-stderr", "2"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string option = std::string("--") + row.name;
    CHECK(error_of({option + "=" + row.value})
              .starts_with("command line: " + option + ": bad value \""));
  }
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

TEST_CASE("a mount leaves nothing to trust") {
  CHECK(error_of({"--mount=/m", "--trust-script-name"}) ==
        "command line: --mount: cannot be combined with trust-script-name");
  CHECK(error_of_file("[appd]\nmount = /m\n", {"--trust-script-name"}) ==
        "F:2: mount: cannot be combined with trust-script-name");
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

TEST_CASE("where nobody says what is slow, that is so in time") {
  CHECK(parse_more({"--request-timeout=6s"}).settings.slow_request == 5s);
  CHECK(parse_more({"--request-timeout=5s"}).settings.slow_request == 2500ms);
  CHECK(parse_more({"--request-timeout=300ms"}).settings.slow_request == 150ms);
  CHECK(parse_more({"--request-timeout=1ms"}).settings.slow_request == 1ms);
  CHECK(parse_more({"--request-timeout=0"}).settings.slow_request == 5s);
  CHECK(parse_more({"--request-timeout=3s", "--slow-request=2s"}).settings.slow_request == 2s);
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

TEST_SUITE_END();

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
