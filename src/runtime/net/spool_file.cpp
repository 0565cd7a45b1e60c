// Opens an unnamed file. body_pipe.cpp decides which bodies need one, outbox.cpp which responses.

#include "runtime/net/spool_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace appd::net {

support::UniqueFd open_spool_file(const std::string& folder) noexcept {
  support::UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  // Not every file system has O_TMPFILE.
  std::string path = folder + "/appd-body-XXXXXX";
  file.reset(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file;
}

}  // namespace appd::net
