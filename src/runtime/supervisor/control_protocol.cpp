// The client side of the control socket: sends a command and receives the replies.

#include "runtime/supervisor/control_protocol.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "runtime/config/verbs.hpp"
#include "runtime/logging/line.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {
namespace {

support::UniqueFd connect_to(const std::string& path) {
  const support::UnixAddress address = control_address(path);
  support::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), address.get(), address.size) != 0) {
    throw std::runtime_error(fmt::format("no appd answers on {}: {}", path, std::strerror(errno)));
  }
  return socket;
}

/// std::nullopt if the master has closed the connection.
std::optional<ControlMessage> receive(const support::UniqueFd& socket) {
  std::vector<char> buffer(1 + kMostControlText);
  ssize_t got = 0;
  do {
    got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  return ControlMessage{static_cast<ControlMessage::Kind>(buffer[0]),
                        std::string(buffer.data() + 1, static_cast<std::size_t>(got) - 1)};
}

/// The text may come from the application, and nothing in it may command a terminal.
std::string printable(std::string_view text) {
  logging::Line line;
  while (true) {
    const std::size_t end = text.find('\n');
    logging::append_text(line, text.substr(0, end));
    if (end == std::string_view::npos) return fmt::to_string(line);
    line.push_back('\n');
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string_view name(ControlVerb verb) noexcept {
  return config::verbs()[static_cast<std::size_t>(verb)].name;
}

std::optional<ControlVerb> parse_verb(std::string_view word) noexcept {
  const auto verbs = config::verbs();
  const auto found = std::find_if(verbs.begin(), verbs.end(),
                                  [word](const config::Verb& verb) { return verb.name == word; });
  if (found == verbs.end()) return std::nullopt;
  return static_cast<ControlVerb>(found - verbs.begin());
}

support::UnixAddress control_address(const std::string& path) {
  if (const auto address = support::path_address(path)) return *address;
  throw std::runtime_error(path + ": is too long for a socket");
}

int ask_master(const std::string& path, ControlVerb verb) {
  const support::UniqueFd socket = connect_to(path);
  const std::string_view word = name(verb);
  if (::send(socket.get(), word.data(), word.size(), MSG_NOSIGNAL) < 0) {
    throw std::runtime_error(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  while (const auto message = receive(socket)) {
    const bool failed = message->kind == ControlMessage::Kind::failure;
    fmt::print(failed ? stderr : stdout, "{}\n", printable(message->text));
    std::fflush(stdout);
    if (failed) return support::exit_code::kStart;
    if (message->kind == ControlMessage::Kind::success) return support::exit_code::kOk;
  }
  if (verb == ControlVerb::stop) {
    fmt::print("stopped\n");
    return support::exit_code::kOk;
  }
  fmt::print(stderr, "appd exited before it replied\n");
  return support::exit_code::kFailure;
}

}  // namespace appd::supervisor
