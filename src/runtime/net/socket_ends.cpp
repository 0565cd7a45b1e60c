// Asks the kernel for the two addresses of a connection.

#include "runtime/net/socket_ends.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

namespace appd::net {
namespace {

struct End {
  std::string address;
  std::uint16_t port = 0;
};

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, address, text.data(), text.size()) != nullptr ? text.data() : "";
}

End to_end(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return {text_of(AF_INET, &v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  constexpr std::size_t kMappedPrefix = 12;
  const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
  return {is_mapped ? text_of(AF_INET, v6.sin6_addr.s6_addr + kMappedPrefix)
                    : text_of(AF_INET6, &v6.sin6_addr),
          ntohs(v6.sin6_port)};
}

template <typename Ask>
End ask(int socket, Ask ask_kernel) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (ask_kernel(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return to_end(storage);
}

}  // namespace

protocol::HttpEnds ends_of(int socket) {
  End client = ask(socket, ::getpeername);
  End server = ask(socket, ::getsockname);
  if (server.address.empty()) server.address = "localhost";
  return {std::move(client.address), client.port, std::move(server.address), server.port};
}

}  // namespace appd::net
