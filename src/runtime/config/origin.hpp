// The place that an option's value came from.
#pragma once

#include <cstdint>
#include <string>

namespace appd::config {

/// The place that a value came from.
struct Origin {
  enum class Kind : std::uint8_t { command_line, file, environment, preset };
  Kind kind = Kind::command_line;
  std::string file;  ///< or the name of the variable
  unsigned line = 0;
};

/// "command line", "/etc/appd.ini:12", "environment" or "appd dev".
std::string describe(const Origin& origin);

}  // namespace appd::config
