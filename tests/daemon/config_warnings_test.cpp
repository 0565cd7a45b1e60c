// Tests of warnings at a start and at reloads.

#include "daemon/config_warnings.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "fakes/recording_reporter.hpp"

using namespace appd;
using config::Settings;
using gateway::LogEvent;

namespace {

/// A running appd that has been started with these settings.
struct Running {
  explicit Running(Settings with = {}) : start(std::move(with)), warnings(start, reporter) {}
  /// True if a reload to these settings warns of this option, and of nothing else.
  bool needs_restart(const Settings& next, std::string_view option) {
    const std::size_t before = reporter.lines().size();
    const std::size_t told = reporter.count(LogEvent::config_needs_restart, {option});
    warnings.warn_of_fixed(next);
    return reporter.lines().size() == before + 1 &&
           reporter.count(LogEvent::config_needs_restart, {option}) == told + 1;
  }
  /// True if a reload to these settings warns of nothing.
  bool takes_over(const Settings& next) {
    const std::size_t before = reporter.lines().size();
    warnings.warn_of_fixed(next);
    return reporter.lines().size() == before;
  }

  test::RecordingReporter reporter;
  Settings start;
  ConfigWarnings warnings;
};

}  // namespace

TEST_SUITE("config warnings") {
  TEST_CASE("a warning is not repeated at a reload, and a new one is given") {
    Running running;
    Settings settings;
    settings.user = "nobody";
    running.warnings.warn_of(settings);
    CHECK(running.reporter.lines().empty());
    settings.user.clear();
    const std::size_t warned = ::geteuid() == 0 ? 1 : 0;  // root's workers would be root
    for (int i = 0; i < 2; ++i) {
      running.warnings.warn_of(settings);
      CHECK(running.reporter.count(LogEvent::config_warning, {}) == warned);
    }
  }

  TEST_CASE("--proxy-protocol without an HTTP socket has no effect") {
    const auto warned = [](Settings settings) {
      settings.user = "nobody";
      settings.proxy_protocol = true;
      Running running;
      running.warnings.warn_of(settings);
      return running.reporter.count(LogEvent::config_warning, {"--proxy-protocol"});
    };
    Settings http;
    http.http = {"127.0.0.1:8000"};
    Settings by_protocol;
    by_protocol.protocol = config::ProtocolChoice::http;
    CHECK(warned({}) == 1);
    CHECK(warned(http) == 0);
    CHECK(warned(by_protocol) == 0);
  }

  TEST_CASE("what needs a restart is named by its option") {
    Running running;
    CHECK(running.takes_over({}));
    Settings next;
    next.pidfile = "/run/other.pid";
    CHECK(running.needs_restart(next, "--pidfile"));
    next = {};
    next.control = "/run/other.control";
    CHECK(running.needs_restart(next, "--control"));
    next = {};
    next.touch_reload = "/run/other.touch";
    CHECK(running.needs_restart(next, "--touch-reload"));
  }

  TEST_CASE("rights that are given up do not come back; to give them up needs no restart") {
    Settings start;
    start.no_new_privs = true;
    Settings next;
    next.no_new_privs = false;
    CHECK(Running(start).needs_restart(next, "--no-new-privs"));
    CHECK(Running(next).takes_over(start));
  }
}
