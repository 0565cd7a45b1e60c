// Makes Settings from defaults and sources of options.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/config_error.hpp"
#include "runtime/config/environment.hpp"
#include "runtime/config/option_table.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/config/settings.hpp"

namespace appd::config {

/// An option as one source gave it.
struct Given {
  std::string name;
  std::string value;
  Origin origin;
};

/// Makes Settings from the defaults and then one source after the other. A later source wins; it
/// replaces the whole list of a repeatable option. All members throw ConfigError.
class SettingsBuilder {
 public:
  SettingsBuilder();

  void apply(const std::vector<Given>& source);
  /// The same for the preset of `appd dev`, which makes these the settings of that.
  void develop(const std::vector<Given>& preset);

  /// Checks that all required options were given.
  void require() const;
  /// Fills in what depends on the environment, and checks options against each other.
  void finish(const Environment& environment);
  /// Replaces `finish` for a command to a running appd: settles only its control socket.
  void find_control(const Environment& environment);

  Settings take_settings() { return std::move(settings_); }
  std::map<std::string, std::vector<Origin>, std::less<>> take_origins() {
    return std::move(origins_);
  }

 private:
  void apply_one(const Option& option, const Given& given);
  void settle_slow_request();
  void take_web_servers(std::string_view addresses);

  Settings settings_;
  std::map<std::string, std::vector<Origin>, std::less<>> origins_;
};

/// The option that `given` names. If there is none, throws ConfigError that proposes the nearest
/// name.
const Option& option_of(const Given& given);

/// A ConfigError about an option: the place, the option as written there, and what is wrong.
ConfigError error_at(const Origin& origin, std::string_view option, std::string_view why);

/// "; did you mean --threads?", or "" if no name is near.
std::string did_you_mean(const Origin& origin, std::string_view typed);

}  // namespace appd::config
