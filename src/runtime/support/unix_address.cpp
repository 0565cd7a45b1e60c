// Fills in sockaddr_un for paths and abstract names.

#include "runtime/support/unix_address.hpp"

#include <cstddef>
#include <cstring>

namespace appd::support {
namespace {

/// `name` lies behind `skip` zero bytes; `size` counts the bytes of sun_path.
UnixAddress make_address(std::string_view name, std::size_t skip, std::size_t size) noexcept {
  UnixAddress made;
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path + skip, name.data(), name.size());
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  return made;
}

}  // namespace

std::optional<UnixAddress> path_address(std::string_view path) noexcept {
  if (path.size() > kMostUnixName) return std::nullopt;
  return make_address(path, 0, path.size() + 1);  // with the zero byte at its end
}

std::optional<UnixAddress> abstract_address(std::string_view name) noexcept {
  if (name.size() > kMostUnixName) return std::nullopt;
  return make_address(name, 1, 1 + name.size());
}

}  // namespace appd::support
