// Binds, adopts and describes listening sockets.

#include "runtime/sockets/listening_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "runtime/support/account.hpp"
#include "runtime/support/aside.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/unix_address.hpp"

namespace appd::sockets {
namespace {

using support::throw_error;
using support::UniqueFd;

UniqueFd make_socket(int domain) {
  UniqueFd fd(::socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) throw_error("cannot make a socket");
  return fd;
}

/// The kernel cuts the backlog to net.core.somaxconn.
void start_listening(int fd, const std::string& name) {
  if (::listen(fd, 1 << 16) != 0) throw_error("cannot listen on " + name);
}

/// The addresses of a host and port, in the order in which to try them.
class AddressList {
 public:
  explicit AddressList(const TcpEndpoint& endpoint)
      : any_(endpoint.host.empty() || endpoint.host == "*") {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    const int error = ::getaddrinfo(any_ ? nullptr : endpoint.host.c_str(), endpoint.port.c_str(),
                                    &hints, &list_);
    if (error != 0) {
      throw std::invalid_argument(
          fmt::format("cannot resolve {}: {}", to_string(endpoint), ::gai_strerror(error)));
    }
  }
  ~AddressList() { ::freeaddrinfo(list_); }
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;

  /// Whether all interfaces are meant.
  bool any() const noexcept { return any_; }

  /// For all interfaces IPv6 comes first: if the machine has IPv6, that socket takes IPv4 too.
  std::vector<const addrinfo*> in_order() const {
    std::vector<const addrinfo*> order;
    for (const addrinfo* at = list_; at != nullptr; at = at->ai_next) order.push_back(at);
    if (any_) {
      std::stable_partition(order.begin(), order.end(),
                            [](const addrinfo* at) { return at->ai_family == AF_INET6; });
    }
    return order;
  }

 private:
  const bool any_;
  addrinfo* list_ = nullptr;
};

bool bind_tcp(int fd, const addrinfo& address, bool any) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) {
    const int v6_only = any ? 0 : 1;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  }
  return ::bind(fd, address.ai_addr, address.ai_addrlen) == 0;
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/// −1 if there is no such option, which means that this is not a socket.
int int_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// The address of a bound Unix or TCP socket.
Address address_of(const sockaddr_storage& bound, socklen_t size) {
  if (bound.ss_family == AF_UNIX) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(bound);
    const std::size_t length = size - offsetof(sockaddr_un, sun_path);
    if (length > 0 && address.sun_path[0] == '\0') {
      return AbstractName{std::string(address.sun_path + 1, length - 1)};
    }
    return UnixPath{std::string(address.sun_path, ::strnlen(address.sun_path, length))};
  }
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&bound), size, host.data(), host.size(),
                port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  return TcpEndpoint{host.data(), port.data()};
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    throw_error("getsockname");
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

ListeningSocket ListeningSocket::open(const Address& address, const SocketFileOptions& options) {
  if (const auto* path = std::get_if<UnixPath>(&address)) return open_unix(*path, options);
  if (const auto* name = std::get_if<AbstractName>(&address)) return open_abstract(*name);
  return open_tcp(std::get<TcpEndpoint>(address));
}

ListeningSocket ListeningSocket::open_unix(const UnixPath& path, const SocketFileOptions& options) {
  support::SocketFile::Wanted wanted{options.mode};
  if (!options.owner.empty()) wanted.owner = support::find_user(options.owner);
  if (!options.group.empty()) wanted.group = support::find_group(options.group);
  support::remove_stale_socket(path.path, SOCK_STREAM, options.account);

  ListeningSocket made;
  made.fd_ = make_socket(AF_UNIX);
  made.file_ = support::SocketFile::bind(made.fd_.get(), path.path, wanted, options.account);
  made.name_ = path.path;
  support::refuse_descriptors(made.fd_.get());
  start_listening(made.fd_.get(), made.name_);
  return made;
}

ListeningSocket ListeningSocket::open_abstract(const AbstractName& name) {
  ListeningSocket made;
  made.name_ = "@" + name.name;
  made.fd_ = make_socket(AF_UNIX);
  const auto address = support::abstract_address(name.name);
  if (!address) throw_error("cannot bind " + made.name_, ENAMETOOLONG);
  if (::bind(made.fd_.get(), address->get(), address->size) != 0) {
    throw_error("cannot bind " + made.name_);
  }
  support::refuse_descriptors(made.fd_.get());
  start_listening(made.fd_.get(), made.name_);
  return made;
}

ListeningSocket ListeningSocket::open_tcp(const TcpEndpoint& endpoint) {
  const AddressList addresses(endpoint);
  int error = 0;
  for (const addrinfo* at : addresses.in_order()) {
    ListeningSocket made;
    made.tcp_ = true;
    made.private_ = is_loopback(at->ai_addr);
    made.fd_.reset(::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!made.fd_ || !bind_tcp(made.fd_.get(), *at, addresses.any())) {
      error = errno;
      continue;
    }
    made.name_ =
        to_string(TcpEndpoint{endpoint.host, fmt::format("{}", bound_port(made.fd_.get()))});
    start_listening(made.fd_.get(), made.name_);
    return made;
  }
  throw_error("cannot bind " + to_string(endpoint), error);
}

ListeningSocket ListeningSocket::adopt(UniqueFd socket, const std::string& name) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (int_option(socket.get(), SO_ACCEPTCONN) != 1 ||
      int_option(socket.get(), SO_TYPE) != SOCK_STREAM ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    throw std::invalid_argument(to_string(PassedName{name}) + ": is not a listening stream socket");
  }
  ListeningSocket made;
  made.fd_ = std::move(socket);
  made.tcp_ = bound.ss_family != AF_UNIX;
  if (!made.tcp_) support::refuse_descriptors(made.fd_.get());
  made.private_ = !made.tcp_ || is_loopback(reinterpret_cast<const sockaddr*>(&bound));
  made.name_ = to_string(address_of(bound, size));
  const int flags = ::fcntl(made.fd_.get(), F_GETFL);
  if (flags < 0 || ::fcntl(made.fd_.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(made.fd_.get(), F_SETFD, FD_CLOEXEC) != 0) {
    throw_error("cannot prepare " + made.name_);
  }
  return made;
}

void ListeningSocket::own_file(const support::Account* account) {
  if (tcp_ || name_.starts_with('@')) return;
  file_ = support::SocketFile::take_over(name_, account);
}

}  // namespace appd::sockets
