// Compares the settings of a reload with those of the start.

#include "daemon/config_warnings.hpp"

#include <fmt/format.h>

#include "daemon/start_checks.hpp"

namespace appd {

using config::Settings;
using gateway::LogEvent;

void ConfigWarnings::warn_of(const Settings& settings) {
  for (const std::string& warning : find_warnings(settings)) {
    if (warned_.insert(warning).second) log_.report(LogEvent::config_warning, warning);
  }
}

void ConfigWarnings::warn_of_fixed(const Settings& next) {
  const auto check = [this](const char* option, const std::string& now, const std::string& then) {
    if (now == then) return;
    log_.report(LogEvent::config_needs_restart,
                fmt::format("the new --{} takes effect only after a restart", option));
  };
  check("pidfile", start_.pidfile, next.pidfile);
  check("control", start_.control, next.control);
  check("touch-reload", start_.touch_reload, next.touch_reload);
  // The master has given up these rights for good, so its workers cannot get them.
  if (start_.no_new_privs && !next.no_new_privs) check("no-new-privs", "yes", "no");
}

}  // namespace appd
