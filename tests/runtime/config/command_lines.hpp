// Command lines, parsed with a fixed environment, and their errors.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/command_line.hpp"
#include "runtime/config/temporary_file.hpp"

namespace appd::config::test {

inline constexpr unsigned kCpus = 7;
inline const Environment kEnvironment{kCpus, "/scratch"};

inline Command parse(std::vector<std::string> arguments) {
  std::vector<const char*> argv{"appd"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), kEnvironment);
}

/// Adds the required options.
inline Command parse_more(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--socket", "/s", "--module", "m"});
  return parse(std::move(arguments));
}

inline std::string error_of(std::vector<std::string> arguments) {
  try {
    parse_more(std::move(arguments));
    return "no error";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

/// The error's text, with the file's path as "F".
inline std::string error_of_file(std::string_view content, std::vector<std::string> more = {}) {
  const TemporaryFile file(content);
  more.insert(more.begin(), {"--config", file.path()});
  const std::string text = error_of(more);
  const std::size_t at = text.find(file.path());
  if (at == std::string::npos) return text;
  return text.substr(0, at) + "F" + text.substr(at + file.path().size());
}

inline void check_mentions(const std::string& text, std::string_view part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace appd::config::test
