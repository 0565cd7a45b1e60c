#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/support/ip_network.hpp"

namespace appd::config {

enum class ProtocolChoice : std::uint8_t { automatic, fastcgi, uwsgi, scgi };

/// Whether the application is imported once, in a process that workers are then forked from.
enum class Preload : std::uint8_t {
  off,
  on,     ///< unless the import leaves threads or sockets behind
  force,  ///< even then
};

/// How many workers there are: as many as are needed, between these.
struct WorkerRange {
  unsigned least = 0;
  unsigned most = 0;

  bool operator==(const WorkerRange&) const = default;
};

/// How the next generation of workers takes the place of the present one at a reload.
enum class ReloadStrategy : std::uint8_t { overlap, rolling };

/// A request that a worker answers before it serves.
struct WarmUp {
  bool https = false;
  std::string host;    ///< with the port if that was given; "": none was
  std::string target;  ///< path and query, as in a request line

  bool operator==(const WarmUp&) const = default;
};

/// HTTP statuses, both ends included.
struct StatusRange {
  unsigned first = 0;
  unsigned last = 0;

  bool operator==(const StatusRange&) const = default;
};

/// How many deaths of processes within which time are borne.
struct MaxCrashes {
  unsigned crashes = 0;
  std::chrono::milliseconds within{};

  bool operator==(const MaxCrashes&) const = default;
};

/// The effective configuration: plain values, validated. Option names, defaults and help are in the
/// option table (option_table.cpp) alone; `default_settings` (command_line.hpp) makes one without a
/// command line.
struct Settings {
  // Sockets
  std::vector<std::string> sockets;  ///< as written; parsed by sockets::Address
  unsigned socket_mode = 0;
  std::string socket_owner;  ///< "": unchanged
  std::string socket_group;
  std::vector<support::IpNetwork> allow;  ///< peers of TCP sockets; empty: anyone
  bool allow_from_environment = false;    ///< FCGI_WEB_SERVER_ADDRS has given them
  std::vector<std::string> allow_users;   ///< peers of Unix sockets; empty: anyone
  ProtocolChoice protocol = ProtocolChoice::automatic;

  // Application
  std::string module;
  std::string chdir;
  std::vector<std::string> pythonpath;
  std::string virtualenv;
  std::vector<std::string> env_files;
  std::vector<std::pair<std::string, std::string>> env;  ///< a later one wins
  std::string mount;  ///< "" or "/prefix", without a slash at its end
  bool trust_script_name = false;
  bool trust_forwarded_proto = false;
  bool trust_uwsgi_scheme = false;
  bool drop_remote_user = false;

  // Processes
  WorkerRange workers;
  unsigned threads = 0;
  unsigned queue = 0;  ///< requests that may wait in one worker
  std::chrono::milliseconds scale_up_wait{};
  std::chrono::milliseconds scale_down_idle{};
  Preload preload = Preload::off;
  std::chrono::milliseconds graceful_timeout{};
  std::chrono::milliseconds exit_timeout{};  ///< 0: as long as it takes
  std::chrono::milliseconds start_timeout{};
  ReloadStrategy reload_strategy = ReloadStrategy::overlap;
  std::uint64_t max_requests = 0;            ///< 0: any number
  std::uint64_t max_requests_jitter = 0;     ///< at most so many more
  std::chrono::milliseconds max_lifetime{};  ///< 0: any time
  std::uint64_t max_memory = 0;              ///< bytes; 0: any
  std::chrono::milliseconds heartbeat{};     ///< 0: none
  std::vector<WarmUp> warmups;               ///< what a worker answers before it serves
  std::vector<StatusRange> warmup_accept;    ///< statuses that pass beside 2xx
  std::optional<MaxCrashes> max_crashes;     ///< none: any number
  std::string user;                          ///< the workers'; "": who starts appd
  std::string group;                         ///< "": the user's own
  std::string pidfile;                       ///< "": none
  std::string control;                       ///< "": none
  std::string touch_reload;                  ///< "": none
  bool no_new_privs = true;
  std::optional<unsigned> umask;  ///< none: unchanged

  // Limits; sizes in bytes
  std::uint64_t max_connections = 0;  ///< of a worker; 0: as the limit of open files lets
  std::uint64_t max_params = 0;
  std::uint64_t max_body = 0;  ///< 0: no limit of our own
  std::uint64_t body_buffer = 0;
  std::string spool_dir;
  std::uint64_t spool_limit = 0;  ///< 0: none
  bool spool_bodies = false;
  std::chrono::milliseconds header_timeout{};
  std::chrono::milliseconds body_timeout{};
  std::chrono::milliseconds write_timeout{};

  // Deadlines; 0: none
  std::chrono::milliseconds queue_timeout{};
  std::chrono::milliseconds slow_request{};
  std::chrono::milliseconds request_timeout{};
  std::chrono::milliseconds timeout_grace{};

  // Logs
  std::string log_level;          ///< debug, info, warning or error
  std::string access_log;         ///< "": off; "-": stdout; else a file
  std::string access_log_format;  ///< "": the access log's own
  bool fastcgi_stderr = false;

  bool operator==(const Settings&) const = default;
};

}  // namespace appd::config
