// Walks a path to the first folder that this user may not enter or read.

#include "runtime/python/unreadable.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "runtime/support/account.hpp"

namespace appd::python {
namespace {

/// Folders on the way must only be entered; the last one is listed by Python.
bool is_barred(const std::filesystem::path& path, bool last) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;  // its parent was examined before
  const int wanted = (last ? R_OK : 0) | (S_ISDIR(status.st_mode) ? X_OK : 0);
  return ::access(path.c_str(), wanted) != 0 && errno == EACCES;
}

}  // namespace

std::string unreadable(const std::filesystem::path& path) {
  const std::filesystem::path whole = std::filesystem::absolute(path);
  std::filesystem::path walked;
  for (auto each = whole.begin(); each != whole.end(); ++each) {
    walked /= *each;
    // The folder that contains the last one is listed, too.
    const auto left = std::distance(each, whole.end());
    if (is_barred(walked, left <= 2)) {
      return fmt::format("; user {} may not {} {}", support::user_name(::geteuid()),
                         left <= 2 ? "read" : "enter", walked.string());
    }
  }
  return "";
}

}  // namespace appd::python
