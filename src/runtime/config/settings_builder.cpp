// Merges defaults, file, command line and environment, and checks the result.

#include "runtime/config/settings_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "runtime/config/expansion.hpp"
#include "runtime/config/foreign_options.hpp"
#include "runtime/config/suggestion.hpp"
#include "runtime/config/value_formats.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::config {
namespace {

std::string as_written(const Origin& origin, std::string_view option) {
  const bool dashes = origin.kind == Origin::Kind::command_line;
  return fmt::format("{}{}", dashes ? "--" : "", option);
}

/// Values of a file are expanded; all others are literal.
std::string expanded(const Given& given) {
  if (given.origin.kind != Origin::Kind::file) return given.value;
  try {
    return expand(given.name, given.value, [](const char* name) { return std::getenv(name); });
  } catch (const ExpansionError& error) {
    throw error_at(given.origin, given.name, error.what());
  }
}

// The rule is what one line of a file can hold: then every value can be in a file, and the output
// of --print-config can be read back.
void check_text(const Given& given, const std::string& text) {
  const auto fail = [&](std::string_view why) { throw error_at(given.origin, given.name, why); };
  if (text.empty()) fail("needs a value");
  if (std::any_of(text.begin(), text.end(), support::is_control))
    fail("the value contains a control character");
  if (text.front() == ' ' || text.back() == ' ') fail("the value begins or ends with a blank");
}

}  // namespace

ConfigError error_at(const Origin& origin, std::string_view option, std::string_view why) {
  return ConfigError(fmt::format("{}: {}: {}", describe(origin), as_written(origin, option), why));
}

std::string did_you_mean(const Origin& origin, std::string_view typed) {
  std::vector<std::string_view> names;
  for (const Option& option : option_table()) {
    const bool possible = origin.kind == Origin::Kind::command_line || !option.is_action();
    if (possible) names.push_back(option.name);
  }
  const std::string_view best = nearest(typed, names);
  return best.empty() ? "" : fmt::format("; did you mean {}?", as_written(origin, best));
}

/// "is an option of uWSGI; in appd: --request-timeout"
std::string instead_of(const Origin& origin, const ForeignOption& foreign) {
  std::string text = fmt::format("is an option of {}; ", foreign.server);
  std::string_view left = foreign.here;
  for (const char* before = "in appd: "; !left.empty(); before = ", ") {
    const std::string_view name = left.substr(0, left.find(' '));
    left.remove_prefix(std::min(name.size() + 1, left.size()));
    text += before + as_written(origin, name);
  }
  if (foreign.here.empty()) return text.append(foreign.note);
  return foreign.note.empty() ? text : fmt::format("{} ({})", text, foreign.note);
}

const Option& option_of(const Given& given) {
  if (const Option* option = find_option(given.name)) return *option;
  if (const ForeignOption* foreign = find_foreign(given.name)) {
    throw error_at(given.origin, given.name, instead_of(given.origin, *foreign));
  }
  throw error_at(given.origin, given.name,
                 "unknown option" + did_you_mean(given.origin, given.name));
}

SettingsBuilder::SettingsBuilder() {
  for (const Option& option : option_table()) {
    if (!option.fallback.empty()) option.assign(settings_, option.fallback);
  }
}

void SettingsBuilder::apply(const std::vector<Given>& source) {
  std::map<std::string_view, Origin> seen;
  for (const Given& given : source) {
    const Option& option = option_of(given);
    if (option.is_action()) {
      throw error_at(given.origin, given.name, "is allowed only on the command line");
    }
    const auto [first, is_first] = seen.emplace(option.name, given.origin);
    if (!is_first && !option.repeatable) {
      const bool in_file = first->second.kind == Origin::Kind::file;
      throw error_at(given.origin, given.name,
                     in_file ? fmt::format("given twice, first in line {}", first->second.line)
                             : "given twice");
    }
    if (is_first) {
      if (option.repeatable) option.clear(settings_);
      origins_[given.name].clear();
    }
    apply_one(option, given);
  }
}

void SettingsBuilder::develop(const std::vector<Given>& preset) {
  apply(preset);
  settings_.development = true;
}

void SettingsBuilder::apply_one(const Option& option, const Given& given) {
  const std::string value = expanded(given);
  check_text(given, value);
  try {
    option.assign(settings_, value);
  } catch (const BadValue& bad) {
    throw error_at(given.origin, given.name,
                   fmt::format("bad value \"{}\", expected {}", value, bad.what()));
  }
  origins_[given.name].push_back(given.origin);
}

void SettingsBuilder::require() const {
  if (!origins_.contains("socket") && !origins_.contains("http")) {
    throw error_at({}, "socket",
                   "is required; give --socket ADDRESS, or socket = … in the --config file; or "
                   "--http ADDRESS for HTTP clients");
  }
  if (settings_.development && !origins_.contains("module")) {
    throw ConfigError("command line: appd dev needs the application: appd dev app:application");
  }
  for (const Option& option : option_table()) {
    if (option.required && !origins_.contains(option.name)) {
      throw error_at({}, option.name,
                     fmt::format("is required; give --{} {}, or {} = … in the --config file",
                                 option.name, option.argument, option.name));
    }
  }
}

namespace {

/// /run/appd/app.pid → /run/appd/app.control
std::string default_control(const Settings& settings, const Environment& environment) {
  if (settings.pidfile.empty()) {
    return environment.runtime_directory.empty() ? ""
                                                 : environment.runtime_directory + "/appd.control";
  }
  std::string_view stem = settings.pidfile;
  if (stem.ends_with(".pid")) stem.remove_suffix(4);
  return std::string(stem) + ".control";
}

}  // namespace

/// The environment comes last, as for every option: values given elsewhere replace it.
void SettingsBuilder::take_web_servers(std::string_view addresses) {
  if (addresses.empty() || !settings_.allow.empty()) return;
  const Origin origin{Origin::Kind::environment, kWebServers};
  for (std::size_t at = 0; at <= addresses.size();) {
    const std::size_t comma = std::min(addresses.find(',', at), addresses.size());
    const std::string_view one = addresses.substr(at, comma - at);
    try {
      settings_.allow.push_back(Network::parse(one));
    } catch (const BadValue& bad) {
      throw error_at(origin, kWebServers,
                     fmt::format("bad value \"{}\", expected {}", one, bad.what()));
    }
    origins_["allow"].push_back(origin);
    at = comma + 1;
  }
  settings_.allow_from_environment = true;
}

void SettingsBuilder::find_control(const Environment& environment) {
  if (settings_.control.empty()) settings_.control = default_control(settings_, environment);
}

/// A value given by the user that exceeds the request timeout is an error: the request would be
/// interrupted first. A default that does becomes half of the timeout.
void SettingsBuilder::settle_slow_request() {
  const std::chrono::milliseconds most = settings_.request_timeout;
  std::chrono::milliseconds& slow = settings_.slow_request;
  if (most.count() == 0 || slow < most) return;
  const auto given = origins_.find("slow-request");
  if (given == origins_.end()) {
    slow = std::max(most / 2, std::chrono::milliseconds(1));
  } else if (slow > most) {
    throw error_at(given->second.front(), "slow-request",
                   fmt::format("exceeds request-timeout ({}), so it would never be reached",
                               Duration::show(most)));
  }
}

void SettingsBuilder::finish(const Environment& environment) {
  take_web_servers(environment.web_servers);
  settings_.workers = Workers::settle(settings_.workers, environment.cpus);
  if (settings_.spool_dir.empty()) settings_.spool_dir = environment.temporary_directory;
  find_control(environment);
  settle_slow_request();
  if (!settings_.group.empty() && settings_.user.empty()) {
    throw error_at(origins_.at("group").front(), "group", "requires --user");
  }
  if (!settings_.python.empty() && !settings_.virtualenv.empty()) {
    throw error_at(origins_.at("python").front(), "python", "cannot be combined with virtualenv");
  }
  if (settings_.development && settings_.preload != Preload::off) {
    throw error_at(origins_.at("preload").front(), "preload", "cannot be combined with appd dev");
  }
  if (settings_.trust_script_name && !settings_.mount.empty()) {
    throw error_at(origins_.at("mount").front(), "mount",
                   "cannot be combined with trust-script-name");
  }
}

}  // namespace appd::config
