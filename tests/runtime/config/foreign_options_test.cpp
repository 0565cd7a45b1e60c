// Checks the table of other servers' options.

#include "runtime/config/foreign_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include "runtime/config/option_table.hpp"

namespace appd::config {

TEST_SUITE_BEGIN("foreign options");

TEST_CASE("each row says something, and the options of appd's in it exist") {
  std::set<std::string_view> names;
  for (const ForeignOption& foreign : foreign_options()) {
    CAPTURE(foreign.name);
    CHECK(names.insert(foreign.name).second);
    CHECK_MESSAGE(find_option(foreign.name) == nullptr, "appd has it too");
    CHECK((foreign.server == "uWSGI" || foreign.server == "gunicorn"));
    CHECK_FALSE((foreign.here.empty() && foreign.note.empty()));
    std::istringstream here{std::string(foreign.here)};
    for (std::string option; here >> option;) CHECK(find_option(option) != nullptr);
  }
}

TEST_CASE("the most used names are there") {
  const auto count = [](std::string_view server) {
    const auto all = foreign_options();
    return std::count_if(all.begin(), all.end(),
                         [server](const auto& foreign) { return foreign.server == server; });
  };
  CHECK(count("uWSGI") >= 100);
  CHECK(count("gunicorn") >= 40);
  // Each is an option of appd, or known as another server's.
  for (const char* name : {"processes",
                           "threads",
                           "master",
                           "harakiri",
                           "chdir",
                           "wsgi-file",
                           "callable",
                           "module",
                           "home",
                           "virtualenv",
                           "venv",
                           "pythonpath",
                           "uid",
                           "gid",
                           "chmod-socket",
                           "chown-socket",
                           "vacuum",
                           "die-on-term",
                           "max-requests",
                           "max-worker-lifetime",
                           "reload-on-rss",
                           "buffer-size",
                           "post-buffering",
                           "listen",
                           "logto",
                           "logger",
                           "daemonize",
                           "touch-reload",
                           "py-autoreload",
                           "enable-threads",
                           "single-interpreter",
                           "lazy-apps",
                           "need-app",
                           "env",
                           "http",
                           "http-socket",
                           "static-map",
                           "stats",
                           "cheaper",
                           "plugins",
                           "disable-logging",
                           "log-format",
                           "procname-prefix",
                           "auto-procname",
                           "ignore-sigpipe",
                           "thunder-lock",
                           "strict",
                           "no-orphans",
                           "pidfile",
                           "safe-pidfile",
                           "socket-timeout",
                           "bind",
                           "workers",
                           "worker-class",
                           "timeout",
                           "graceful-timeout",
                           "keep-alive",
                           "preload",
                           "max-requests-jitter",
                           "access-logfile",
                           "error-logfile",
                           "log-level",
                           "reload",
                           "user",
                           "group",
                           "umask",
                           "capture-output",
                           "statsd-host",
                           "forwarded-allow-ips",
                           "limit-request-line",
                           "worker_class"}) {
    CAPTURE(name);
    CHECK((find_option(name) != nullptr || find_foreign(name) != nullptr));
  }
}

TEST_SUITE_END();

}  // namespace appd::config
