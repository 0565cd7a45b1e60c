// Reads the number of CPUs and the environment's variables.

#include "runtime/config/environment.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "runtime/support/usable_cpus.hpp"

namespace appd::config {
namespace {

/// no-color.org: the variable counts if it is not empty.
bool wants_no_colors() {
  const char* const variable = std::getenv("NO_COLOR");
  return variable != nullptr && *variable != '\0';
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.cpus = support::usable_cpus();
  if (const char* directory = std::getenv("TMPDIR"); directory && *directory) {
    environment.temporary_directory = directory;
  }
  if (const char* directories = std::getenv("RUNTIME_DIRECTORY")) {
    const std::string_view all = directories;
    environment.runtime_directory = all.substr(0, all.find(':'));
  }
  if (const char* addresses = std::getenv(kWebServers)) environment.web_servers = addresses;
  if (const char* folder = std::getenv("VIRTUAL_ENV")) environment.virtualenv = folder;
  environment.colors = ::isatty(STDOUT_FILENO) == 1 && !wants_no_colors();
  return environment;
}

}  // namespace appd::config
