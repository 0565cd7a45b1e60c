#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/command_line.hpp"
#include "runtime/config/option_table.hpp"

namespace appd::config {

/// One option as it was given somewhere.
struct Given {
  std::string name;
  std::string value;
  Origin origin;
};

/// Makes Settings of the defaults and then of one source after the other; a later source wins, and
/// replaces the whole list of a repeatable option. All members throw ConfigError.
class SettingsBuilder {
 public:
  SettingsBuilder();

  void apply(const std::vector<Given>& source);

  /// Checks that what is required is there.
  void require() const;
  /// Fills in what depends on the surroundings, and checks what options say together.
  void finish(const Environment& environment);
  /// Instead of `finish`, of settings that are no more than where to ask a running appd.
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

/// The variable that FastCGI 1.0, section 3.2, has for the addresses of the web servers.
inline constexpr const char* kWebServers = "FCGI_WEB_SERVER_ADDRS";

/// The option that `given` names; throws with the nearest name when there is none.
const Option& option_of(const Given& given);

/// A ConfigError about an option: place, name as it is written there, and what is wrong.
ConfigError error_at(const Origin& origin, std::string_view option, std::string_view why);

/// "; did you mean --threads?" or "".
std::string did_you_mean(const Origin& origin, std::string_view typed);

}  // namespace appd::config
