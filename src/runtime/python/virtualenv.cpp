// Reads pyvenv.cfg and compares its version.

#include "runtime/python/virtualenv.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string_view>

#include "runtime/python/start_error.hpp"
#include "runtime/python/unreadable.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::python {
namespace {

/// The first `count` parts: two of "3.11.2.final.0" are "3.11".
std::string parts_of(std::string_view version, int count) {
  std::size_t end = version.find('.');
  while (--count > 0 && end != std::string_view::npos) end = version.find('.', end + 1);
  return std::string(version.substr(0, end));
}

/// `version` (written by venv) or `version_info` (by virtualenv and others); "" if there is
/// neither.
std::string read_version(std::ifstream& file) {
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string_view key = support::trim(std::string_view(line).substr(0, equals));
    if (key == "version" || key == "version_info")
      return parts_of(support::trim(std::string_view(line).substr(equals + 1)), 3);
  }
  return {};
}

}  // namespace

std::string virtualenv_executable(const std::string& directory, const std::string& version) {
  const auto path = std::filesystem::absolute(directory);
  std::ifstream file(path / "pyvenv.cfg");
  if (!file)
    throw StartError(
        fmt::format("'{}' is not a virtual environment: pyvenv.cfg cannot be read there{}",
                    directory, unreadable(path / "pyvenv.cfg")));
  const std::string found = read_version(file);
  if (!found.empty() && parts_of(found, 2) != version)
    throw StartError(fmt::format(
        "the virtual environment '{0}' is for Python {1}, but appd is built with Python {2}: "
        "recreate it (python{2} -m venv --clear {0}) and reinstall its packages, or use an appd "
        "that is built with Python {1}",
        directory, parts_of(found, 2), version));
  const auto packages = path / "lib" / ("python" + version) / "site-packages";
  std::error_code ignored;
  if (!std::filesystem::is_directory(packages, ignored))
    throw StartError(fmt::format("the virtual environment '{}' has no lib/python{}/site-packages{}",
                                 directory, version, unreadable(packages)));
  return path / "bin" / "python";
}

std::string virtualenv_warning(const std::string& directory, const std::string& version) {
  std::ifstream file(std::filesystem::path(directory) / "pyvenv.cfg");
  const std::string found = file ? read_version(file) : "";
  const bool differs = parts_of(found, 2) == parts_of(version, 2) && found != version;
  if (!differs || parts_of(found, 2) == found) return "";
  return fmt::format(
      "the virtual environment '{0}' was made for Python {1}, and appd runs Python {2}: their "
      "packages are the same, and python{3} -m venv --upgrade {0} brings it up to date",
      directory, found, version, parts_of(version, 2));
}

}  // namespace appd::python
