// Commands to a running master, and its replies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/support/unix_address.hpp"

namespace appd::supervisor {

/// What can be asked of a running master, in the order of config::verbs, which has the names.
enum class ControlVerb : std::uint8_t {
  reload,
  upgrade,
  stop,
  status,
};

/// "reload"
std::string_view name(ControlVerb verb) noexcept;
/// std::nullopt for an unknown word.
std::optional<ControlVerb> parse_verb(std::string_view word) noexcept;

/// The control socket's messages, one a datagram (SOCK_SEQPACKET). A caller sends a verb's name.
/// The master replies with any number of texts, then an outcome. `stop` has no outcome: the
/// connection ends when the process does.
struct ControlMessage {
  enum class Kind : char {
    text = 't',     ///< for the caller's terminal
    success = 's',  ///< the outcome: `text` says what has been done
    failure = 'f',  ///< the outcome: `text` says why not
  };
  Kind kind = Kind::text;
  std::string text;
};

/// Throws std::runtime_error if the path is too long for a socket.
support::UnixAddress control_address(const std::string& path);

/// A longer text is cut.
inline constexpr std::size_t kMostControlText = 64 * 1024;

/// Asks the master behind `path`, and prints its replies until the outcome is there: to stdout, a
/// failure to stderr. Returns the exit code. Throws std::runtime_error if there is no master.
int ask_master(const std::string& path, ControlVerb verb);

}  // namespace appd::supervisor
