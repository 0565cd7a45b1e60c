// Commands to a running master, and its replies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// What can be asked of a running master.
enum class ControlVerb : std::uint8_t {
  reload,
  stop,
  status,
  upgrade,
};

/// "reload"; none for what is no verb.
std::string_view name(ControlVerb verb) noexcept;
std::optional<ControlVerb> parse_verb(std::string_view word) noexcept;

/// The control socket's messages, one a datagram (SOCK_SEQPACKET). A caller sends a verb's name.
/// The master answers with any number of texts, and then an outcome. After `stop` there is none:
/// the end of the connection is the end of the process.
struct ControlMessage {
  enum class Kind : char {
    text = 't',     ///< for the caller's terminal
    success = 's',  ///< `text` says what has been done; the last one
    failure = 'f',  ///< `text` says why not; the last one
  };
  Kind kind = Kind::text;
  std::string text;
};

/// A longer text is cut.
inline constexpr std::size_t kMostControlText = 64 * 1024;

/// Asks the master behind `path` and prints what it answers to stdout (a failure: stderr) until the
/// outcome is there. Gives the exit code. Throws std::runtime_error when there is no master.
int ask_master(const std::string& path, ControlVerb verb);

}  // namespace appd::supervisor
