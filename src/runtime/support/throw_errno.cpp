// Builds the exception for a failed system call.

#include "runtime/support/throw_errno.hpp"

#include <system_error>

namespace appd::support {

void throw_errno(std::string_view call, std::string_view detail) {
  const int error = errno;
  std::string text(call);
  if (!detail.empty()) text.append(" ").append(detail);
  throw std::system_error(error, std::system_category(), text);
}

void throw_error(const std::string& what, int error) {
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace appd::support
