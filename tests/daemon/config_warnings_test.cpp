// Tests of warnings at a start and at reloads.

#include "daemon/config_warnings.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "fakes/recording_reporter.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/worker/worker.hpp"

using namespace appd;
using config::Settings;
using gateway::LogEvent;

namespace {

/// A running appd that has been started with these settings.
struct Running {
  explicit Running(Settings with = {}) : start(std::move(with)), warnings(start, reporter) {}
  /// What a reload to these settings warns of.
  std::vector<std::string> reload(const Settings& next) {
    const std::size_t before = reporter.lines().size();
    warnings.warn_of_fixed(next);
    std::vector<std::string> said;
    for (std::size_t i = before; i < reporter.lines().size(); ++i) {
      CHECK(reporter.lines()[i].event == LogEvent::config_needs_restart);
      said.push_back(reporter.lines()[i].text);
    }
    return said;
  }

  test::RecordingReporter reporter;
  Settings start;
  ConfigWarnings warnings;
};

std::vector<std::string> needs_restart(const char* option) {
  return {std::string("the new --") + option + " takes effect only after a restart"};
}

}  // namespace

TEST_SUITE("config warnings") {
  TEST_CASE("a warning is not repeated at a reload, and a new one is given") {
    Running running;
    const test::TemporaryFolder folder;
    Settings settings;
    running.warnings.warn_of(settings);
    const std::size_t plain = running.reporter.lines().size();  // root without --user has one
    std::ofstream(folder / "pyvenv.cfg") << "version = " << worker::python_version() << "9\n";
    settings.virtualenv = folder.path();  // made for another patch level
    running.warnings.warn_of(settings);
    CHECK(running.reporter.lines().size() == plain + 1);
    CHECK(running.reporter.lines().back().event == LogEvent::config_warning);
    running.warnings.warn_of(settings);
    CHECK(running.reporter.lines().size() == plain + 1);
  }

  TEST_CASE("what needs a restart is named by its option") {
    Running running;
    CHECK(running.reload({}).empty());
    Settings next;
    next.pidfile = "/run/other.pid";
    CHECK(running.reload(next) == needs_restart("pidfile"));
    next = {};
    next.control = "/run/other.control";
    CHECK(running.reload(next) == needs_restart("control"));
    next = {};
    next.touch_reload = "/run/other.touch";
    CHECK(running.reload(next) == needs_restart("touch-reload"));
  }

  TEST_CASE("rights that are given up do not come back; to give them up needs no restart") {
    Settings start;
    start.no_new_privs = true;
    Settings next;
    next.no_new_privs = false;
    CHECK(Running(start).reload(next) == needs_restart("no-new-privs"));
    CHECK(Running(next).reload(start).empty());
  }
}
