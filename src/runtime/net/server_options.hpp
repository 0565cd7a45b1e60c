// Settings of a server: limits, time-outs and what environ may hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocol/decoder.hpp"
#include "runtime/files/internal_files.hpp"
#include "runtime/files/static_files.hpp"
#include "runtime/gateway/request.hpp"
#include "runtime/net/spool_quota.hpp"
#include "runtime/sockets/admission.hpp"

namespace appd::net {

/// Set once, before the server starts. The defaults of options are in the option table alone.
/// Many members because nearly each is an option of its own.
struct ServerOptions {
  std::size_t max_connections = 0;       ///< 0 derives it from the limit of open files
  std::optional<protocol::Wire> pinned;  ///< std::nullopt if a connection's first bytes decide
  sockets::Admission admission;
  protocol::DecoderLimits decoder;
  gateway::EnvironPolicy environ;
  std::shared_ptr<const files::StaticFiles> static_files;  ///< null if there are none
  /// What the application can let HTTP clients have; null if there are none.
  std::shared_ptr<const files::InternalFiles> internal_files;
  gateway::ProxyTrust proxies;  ///< whose word about clients counts
  std::uint64_t max_body = 0;   ///< bytes; 0 disables the limit
  std::size_t body_buffer = 0;  ///< bytes of a body that are read ahead in memory
  std::string spool_dir;
  SpoolQuota* spool_quota = nullptr;  ///< null is no limit. Outlives the server
  /// Bytes of unsent responses in memory, of all connections together; more goes to spool files.
  std::size_t outgoing_memory = 64 << 20;
  bool spool_bodies = false;                   ///< the application runs once the whole body is in
  bool send_error_text = false;                ///< wsgi.errors also as FastCGI STDERR
  std::chrono::milliseconds header_timeout{};  ///< for all variables of a request
  std::chrono::milliseconds body_timeout{};    ///< without a further body byte
  std::chrono::milliseconds write_timeout{};   ///< without the front taking a byte
  std::chrono::milliseconds keep_alive_timeout{};  ///< of a client between requests; 0 means none
  std::chrono::seconds retry_after{1};             ///< sent with 503
};

}  // namespace appd::net
