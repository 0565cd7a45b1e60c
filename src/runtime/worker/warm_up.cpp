#include "runtime/worker/warm_up.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "runtime/net/own_request.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::worker {
namespace {

constexpr std::size_t kStatusWithin = 64;  // bytes of the answer

void send_all(const support::UniqueFd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) support::throw_errno("send", "warm-up");
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Reads to the end and gives the beginning.
std::string read_all(const support::UniqueFd& socket) {
  std::string beginning;
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return beginning;
    if (beginning.size() < kStatusWithin)
      beginning.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

unsigned ask(const std::string& target, protocol::Wire wire, const Connect& connect) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    support::throw_errno("socketpair", "warm-up");
  }
  const support::UniqueFd front(ends[0]);
  connect(support::UniqueFd(ends[1]));
  send_all(front, net::encode_own_request(wire, target));
  return net::status_of_answer(wire, read_all(front));
}

}  // namespace

void warm_up(std::span<const std::string> targets, protocol::Wire wire, const Connect& connect) {
  for (const std::string& target : targets) {
    const unsigned status = ask(target, wire, connect);
    if (status >= 500 || status == 0) {
      throw std::runtime_error(fmt::format("the application answered --warmup {} with {}", target,
                                           status == 0 ? "nothing" : std::to_string(status)));
    }
  }
}

}  // namespace appd::worker
