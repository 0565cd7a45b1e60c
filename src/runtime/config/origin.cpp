// Says a place as errors do.

#include "runtime/config/origin.hpp"

#include <fmt/format.h>

namespace appd::config {

std::string describe(const Origin& origin) {
  if (origin.kind == Origin::Kind::command_line) return "command line";
  if (origin.kind == Origin::Kind::environment) return "environment";
  if (origin.kind == Origin::Kind::preset) return "appd dev";
  return fmt::format("{}:{}", origin.file, origin.line);
}

}  // namespace appd::config
