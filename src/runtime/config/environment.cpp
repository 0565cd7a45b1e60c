// Reads the number of CPUs and the environment's variables.

#include "runtime/config/environment.hpp"

#include <cstdlib>
#include <string_view>

#include "runtime/support/usable_cpus.hpp"

namespace appd::config {

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
  return environment;
}

}  // namespace appd::config
