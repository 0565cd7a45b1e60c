#include "runtime/python/virtualenv.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "runtime/python/python_runtime.hpp"

namespace appd::python {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// Of "3.11.2.final.0": "3.11".
std::string minor_of(std::string_view version) {
  const auto first_dot = version.find('.');
  if (first_dot == std::string_view::npos) return std::string(version);
  return std::string(version.substr(0, version.find('.', first_dot + 1)));
}

/// `version` (written by venv) or `version_info` (by virtualenv and others); "" when there is none.
std::string read_version(std::ifstream& file) {
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string_view key = trimmed(std::string_view(line).substr(0, equals));
    if (key == "version" || key == "version_info")
      return minor_of(trimmed(std::string_view(line).substr(equals + 1)));
  }
  return {};
}

}  // namespace

std::string virtualenv_executable(const std::string& directory, const std::string& version) {
  const auto path = std::filesystem::absolute(directory);
  std::ifstream file(path / "pyvenv.cfg");
  if (!file)
    throw StartError(fmt::format(
        "'{}' is not a virtual environment: pyvenv.cfg cannot be read there", directory));
  const std::string found = read_version(file);
  if (!found.empty() && found != version)
    throw StartError(fmt::format(
        "the virtual environment '{}' is for Python {}, but appd is built with Python {}",
        directory, found, version));
  if (!std::filesystem::is_directory(path / "lib" / ("python" + version) / "site-packages"))
    throw StartError(fmt::format("the virtual environment '{}' has no lib/python{}/site-packages",
                                 directory, version));
  return path / "bin" / "python";
}

}  // namespace appd::python
