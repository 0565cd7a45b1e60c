// Makes pairs of SEQPACKET sockets.

#include "runtime/support/seqpacket_pair.hpp"

#include <sys/socket.h>

#include <array>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {

std::pair<UniqueFd, UniqueFd> make_seqpacket_pair(std::string_view purpose) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw_errno("socketpair", purpose);
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace appd::support
