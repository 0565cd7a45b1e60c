// What some defaults depend on.
#pragma once

#include <string>

namespace appd::config {

/// The variable of FastCGI 1.0, section 3.2, with the addresses of the web servers.
inline constexpr const char* kWebServers = "FCGI_WEB_SERVER_ADDRS";

/// Properties of the machine and the environment that some defaults depend on.
struct Environment {
  unsigned cpus = 1;                             ///< CPUs that this process may use
  std::string temporary_directory = "/var/tmp";  ///< for data that does not fit in memory
  /// Made by a service manager for this process; "" if there is none.
  std::string runtime_directory{};
  /// Addresses of fronts that may connect, separated by commas; "" for everyone.
  std::string web_servers{};
  std::string virtualenv{};  ///< the one that the shell has activated; "" if there is none
  bool colors = false;       ///< standard output is a terminal, and NO_COLOR is not set
};

/// Reads this process's environment: the CPUs that it may use now; TMPDIR, or else /var/tmp; the
/// first RUNTIME_DIRECTORY; FCGI_WEB_SERVER_ADDRS; VIRTUAL_ENV; NO_COLOR, and whether standard
/// output is a terminal.
Environment read_environment();

}  // namespace appd::config
