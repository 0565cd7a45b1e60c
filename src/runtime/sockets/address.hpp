// A listen address, as --socket takes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace appd::sockets {

/// A Unix socket's file.
struct UnixPath {
  std::string path;
};
/// A Linux abstract socket; the name without the leading '@'.
struct AbstractName {
  std::string name;
};
struct TcpEndpoint {
  std::string host;  ///< name or number; "" and "*" mean all interfaces
  std::string port;
};

/// Sockets that the service manager passes under this name; "" means all of them.
struct PassedName {
  std::string name;
};

/// Where a server listens.
using Address = std::variant<UnixPath, AbstractName, TcpEndpoint, PassedName>;

/// Reads `/path`, `unix:/path` (or a relative one), `@abstract`, `host:port`, `[v6]:port`, `:port`,
/// `systemd` and `systemd:name` (a host named systemd must be given by its number). Throws
/// std::invalid_argument that says what is wrong. A relative path needs `unix:`, so that a
/// forgotten port is an error.
Address parse_address(std::string_view text);

/// As an operator would write it.
std::string to_string(const Address& address);

}  // namespace appd::sockets
