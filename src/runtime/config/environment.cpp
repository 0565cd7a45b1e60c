// Reads the affinity mask and the environment's variables.

#include "runtime/config/environment.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace appd::config {

Environment read_environment() {
  Environment environment;
  cpu_set_t set;
  const bool known = ::sched_getaffinity(0, sizeof(set), &set) == 0;
  const auto cpus =
      known ? static_cast<unsigned>(CPU_COUNT(&set)) : std::thread::hardware_concurrency();
  environment.cpus = std::max(cpus, 1u);
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
