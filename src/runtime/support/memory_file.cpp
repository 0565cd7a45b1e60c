// Makes memory files and reads them.

#include "runtime/support/memory_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {

UniqueFd make_memory_file(const char* name, std::string_view bytes) {
  UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) throw_errno("memfd_create", name);
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    throw_errno("write", name);
  }
  return file;
}

std::string read_from_start(const UniqueFd& file) {
  std::string bytes;
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  while ((got = ::pread(file.get(), buffer.data(), buffer.size(),
                        static_cast<off_t>(bytes.size()))) > 0) {
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return bytes;
}

}  // namespace appd::support
