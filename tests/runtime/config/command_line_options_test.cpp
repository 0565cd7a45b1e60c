// Tests of every option: its default, its value from a file and from the command line, its errors.

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/config/all_options.hpp"
#include "runtime/config/command_lines.hpp"
#include "runtime/config/temporary_file.hpp"

namespace appd::config {

using namespace std::chrono_literals;
using namespace test;

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
  CHECK(settings.static_files.empty());
  CHECK(settings.internal_files.empty());
  CHECK(settings.static_index == "");
  CHECK(settings.static_max_age == 0s);
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
  CHECK(settings.keep_alive_timeout == 75s);
  CHECK(settings.queue_timeout == 30s);
  CHECK(settings.slow_request == 5s);
  CHECK(settings.request_timeout == 55s);
  CHECK(settings.timeout_grace == 5s);
  CHECK(settings.log_level == "info");
  CHECK(settings.access_log == "");
  CHECK(settings.access_log_format == "");
  CHECK_FALSE(settings.fastcgi_stderr);
  CHECK_FALSE(settings.development);
  CHECK(settings.watch.empty());
  CHECK_FALSE(settings.open_browser);

  Settings defaults = default_settings(kEnvironment);
  defaults.sockets = settings.sockets;
  defaults.module = settings.module;
  CHECK(defaults == settings);
}

TEST_CASE("a file can say everything") {
  const TemporaryFile file(kAll);
  CHECK(parse({"--config", file.path()}).settings == all_settings());
}

TEST_CASE("the command line can say everything") {
  const Settings settings = parse({"--socket",
                                   "/s",
                                   "--socket=[::1]:80",
                                   "--http",
                                   "h:81",
                                   "--http=/h",
                                   "--keep-alive-timeout=9",
                                   "--trust-proxy=10.0.0.0/8",
                                   "--trust-proxy=unix",
                                   "--proxy-headers=forwarded",
                                   "--proxy-protocol",
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
                                   "--static",
                                   "/st=/d",
                                   "--static",
                                   "/=/e=f",
                                   "--static-index",
                                   "i.html",
                                   "--static-max-age=1h",
                                   "--internal-files=/in=/i",
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
  Settings expected = all_settings();
  expected.watch.clear();  // these are for appd dev only
  expected.open_browser = false;
  CHECK(settings == expected);
}

TEST_CASE("every option refuses what it cannot use") {
  struct Row {
    const char* name;
    const char* value;
  };
  const Row rows[] = {
      {"socket-mode", "abc"},
      {"allow", "localhost"},
      {"protocol", "https"},
      {"trust-proxy", "localhost"},
      {"proxy-headers", "x"},
      {"env", "X"},
      {"static", "/x"},
      {"static-index", "a/b"},
      {"static-max-age", "1500ms"},
      {"internal-files", "x=/y"},
      {"mount", "app"},
      {"trust-script-name", "2"},
      {"trust-forwarded-proto", "2"},
      {"trust-uwsgi-scheme", "2"},
      {"drop-remote-user", "2"},
      {"workers", "0"},
      {"workers", "auto..2"},
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
      {"keep-alive-timeout", "x"},
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

TEST_SUITE_END();

}  // namespace appd::config
