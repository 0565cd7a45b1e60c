#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace appd::config {

enum class ProtocolChoice { automatic, fastcgi, uwsgi, scgi };

/// The effective configuration: plain values, validated. Option names, defaults and help are in the
/// option table (options.cpp) alone.
struct Settings {
  // Sockets
  std::vector<std::string> sockets;          ///< as written; parsed by net::Address
  unsigned socket_mode = 0660;
  std::string socket_owner;                  ///< "": unchanged
  std::string socket_group;
  ProtocolChoice protocol = ProtocolChoice::automatic;

  // Application
  std::string module;
  std::string chdir;
  std::vector<std::string> pythonpath;
  std::string virtualenv;
  std::vector<std::pair<std::string, std::string>> env;
  std::string mount;
  bool trust_script_name = false;
  bool trust_forwarded_proto = false;
  bool trust_uwsgi_scheme = false;
  bool drop_remote_user = false;

  // Processes
  unsigned workers = 1;
  unsigned threads = 4;
  unsigned queue = 0;                        ///< requests that may wait in one worker
  std::chrono::seconds graceful_timeout{30};

  // Limits; sizes in bytes
  std::uint64_t max_params = 256 * 1024;
  std::uint64_t max_body = 0;                ///< 0: no limit of our own
  std::uint64_t body_buffer = 1024 * 1024;
  std::string spool_dir;
  bool spool_bodies = false;
  std::chrono::seconds header_timeout{};
  std::chrono::seconds body_timeout{};
  std::chrono::seconds write_timeout{};

  // Logs
  std::string log_level;
  std::string access_log;                    ///< "": off; "-": stdout; else a file
  std::string access_log_format;
  bool fastcgi_stderr = false;
};

}  // namespace appd::config
