// The settings of appd: plain values, one for each option.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/support/ip_network.hpp"

namespace appd::config {

enum class ProtocolChoice : std::uint8_t { automatic, fastcgi, uwsgi, scgi, http };

/// The fields in which proxies tell of a client.
enum class ProxyHeaders : std::uint8_t { x_forwarded, forwarded };

/// A proxy whose word about clients counts: a network, or std::nullopt for Unix sockets.
using TrustedProxy = std::optional<support::IpNetwork>;

/// Whether the application is imported once, in a process from which the workers are forked.
enum class Preload : std::uint8_t {
  off,
  on,     ///< refuse to start if the import leaves threads or sockets behind
  force,  ///< start even then
};

/// Bounds for the number of workers; the load decides within them. 0 stands for the number of CPUs
/// until that is known.
struct WorkerRange {
  unsigned least = 0;
  unsigned most = 0;

  bool operator==(const WorkerRange&) const = default;
};

/// How the next generation of workers replaces the present one at a reload.
enum class ReloadStrategy : std::uint8_t {
  overlap,  ///< at once, when all of its workers are ready: for a moment both are in memory
  rolling,  ///< worker by worker: one more than usual is in memory
};

/// A folder whose files have paths below a prefix.
struct Folder {
  std::string prefix;  ///< "/prefix", without a trailing slash; or "/"
  std::string path;    ///< relative to `chdir`

  bool operator==(const Folder&) const = default;
};

/// A request that a worker must answer before it serves.
struct WarmUp {
  bool https = false;
  std::string host;    ///< includes the port if given; "" if no host was given
  std::string target;  ///< path and query as in a request line

  bool operator==(const WarmUp&) const = default;
};

/// A range of HTTP statuses, both ends included.
struct StatusRange {
  unsigned first = 0;
  unsigned last = 0;

  bool operator==(const StatusRange&) const = default;
};

/// The number of deaths of processes, within a time, that appd tolerates.
struct MaxCrashes {
  unsigned crashes = 0;
  std::chrono::milliseconds within{};

  bool operator==(const MaxCrashes&) const = default;
};

/// The effective configuration: plain, validated values. Names, defaults and help of the options
/// are in option_table.cpp alone. Many members because it has one for each option. Many bools
/// because each is an option of its own.
struct Settings {
  // Sockets
  std::vector<std::string> sockets;  ///< as written; parsed by sockets::Address
  std::vector<std::string> http;     ///< the same, of those that speak HTTP
  unsigned socket_mode = 0;
  std::string socket_owner;  ///< "" means the workers' user
  std::string socket_group;
  /// Addresses that may connect to TCP sockets; empty means everyone.
  std::vector<support::IpNetwork> allow;
  bool allow_from_environment = false;  ///< `allow` comes from FCGI_WEB_SERVER_ADDRS
  /// Users that may connect to Unix sockets; empty means everyone.
  std::vector<std::string> allow_users;
  ProtocolChoice protocol = ProtocolChoice::automatic;
  std::vector<TrustedProxy> trust_proxy;  ///< of HTTP clients; empty means none
  ProxyHeaders proxy_headers = ProxyHeaders::x_forwarded;
  bool proxy_protocol = false;

  // Application
  std::string module;
  std::string chdir;
  std::vector<std::string> pythonpath;
  std::string python;
  std::string virtualenv;
  std::vector<std::string> env_files;
  std::vector<std::pair<std::string, std::string>> env;  ///< a later entry wins
  std::vector<Folder> static_files;
  std::string static_index;                    ///< "" means none
  std::chrono::milliseconds static_max_age{};  ///< 0 means that nothing is said
  std::vector<Folder> internal_files;
  std::string mount;  ///< "" or "/prefix", without a trailing slash
  bool trust_script_name = false;
  bool trust_forwarded_proto = false;
  bool trust_uwsgi_scheme = false;
  bool drop_remote_user = false;

  // Processes
  WorkerRange workers;
  unsigned threads = 0;
  unsigned queue = 0;  ///< maximum of requests waiting in one worker
  std::chrono::milliseconds scale_up_wait{};
  std::chrono::milliseconds scale_down_idle{};
  Preload preload = Preload::off;
  std::chrono::milliseconds graceful_timeout{};
  std::chrono::milliseconds exit_timeout{};  ///< 0 means no limit
  std::chrono::milliseconds start_timeout{};
  ReloadStrategy reload_strategy = ReloadStrategy::overlap;
  std::uint64_t max_requests = 0;            ///< 0 means never recycled
  std::uint64_t max_requests_jitter = 0;     ///< largest random addition
  std::chrono::milliseconds max_lifetime{};  ///< 0 means never recycled
  std::uint64_t max_memory = 0;              ///< bytes; 0 means no limit
  std::chrono::milliseconds heartbeat{};     ///< 0 disables the check
  std::vector<WarmUp> warmups;               ///< requests that a worker answers before it serves
  std::vector<StatusRange> warmup_accept;    ///< statuses that pass in addition to 2xx
  std::optional<MaxCrashes> max_crashes;     ///< std::nullopt means no limit
  std::string user;                          ///< of the workers; "" means the user who starts appd
  std::string group;                         ///< "" means the primary group of `user`
  std::string pidfile;                       ///< "" means no file
  std::string control;                       ///< "" means no socket
  std::string touch_reload;                  ///< "" means no file
  bool no_new_privs = true;
  std::optional<unsigned> umask;  ///< std::nullopt leaves it unchanged

  // Limits. Sizes are in bytes.
  std::uint64_t max_connections = 0;  ///< of one worker; 0 derives it from the limit of open files
  std::uint64_t max_params = 0;
  std::uint64_t max_body = 0;  ///< 0 means no limit
  std::uint64_t body_buffer = 0;
  std::string spool_dir;
  std::uint64_t spool_limit = 0;  ///< 0 means no limit
  bool spool_bodies = false;
  std::chrono::milliseconds header_timeout{};
  std::chrono::milliseconds body_timeout{};
  std::chrono::milliseconds write_timeout{};
  std::chrono::milliseconds keep_alive_timeout{};  ///< 0 means none

  // Deadlines. 0 means none.
  std::chrono::milliseconds queue_timeout{};
  std::chrono::milliseconds slow_request{};
  std::chrono::milliseconds request_timeout{};
  std::chrono::milliseconds timeout_grace{};

  // Logs
  std::string log_level;          ///< debug, info, warning or error
  std::string access_log;         ///< "" means off, "-" stdout; else a file
  std::string access_log_format;  ///< "" means the default format
  bool fastcgi_stderr = false;

  // Development
  bool development = false;        ///< `appd dev`; no option sets it
  std::vector<std::string> watch;  ///< folders
  bool open_browser = false;

  bool operator==(const Settings&) const = default;
};

}  // namespace appd::config
