// A directory whose files are served.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/support/unique_fd.hpp"

namespace appd::files {

/// What is known of a file without reading it.
struct FileFacts {
  std::uint64_t size = 0;  ///< in bytes
  timespec modified{};
};

/// A regular file, open for reading, and its facts when it was opened.
struct OpenFile {
  support::UniqueFd file;
  FileFacts facts;
};

enum class OpenProblem : std::uint8_t {
  not_found,  ///< also what is never served: folders, special files, dot files, links that lead out
  forbidden,  ///< this process may not read it
  error,      ///< the system cannot open it now, such as EMFILE or EIO
};

struct OpenFailure {
  OpenProblem problem;
  int error;  ///< errno; 0 if the name was refused, or what has it is no regular file
};

using Opened = std::variant<OpenFile, OpenFailure>;

/// A directory that stays open. Only what lies below it can be opened. Any thread may use it.
///
/// The directory is looked up once: if its path is a symbolic link that changes later, the files of
/// the first target are served.
class FileRoot {
 public:
  /// How a file's path is looked up.
  enum class Lookup : std::uint8_t {
    /// openat2(2) with RESOLVE_BENEATH: the kernel follows relative symbolic links that stay below
    /// the root. It refuses those that lead out, also for a moment, and all absolute ones.
    beneath,
    /// Segment by segment, for kernels before 5.6 and for seccomp filters that do not know the
    /// call. Only the kernel could follow a link safely, so this refuses all of them.
    without_links,
  };

  /// Chooses `beneath` where the kernel has it. Throws std::system_error if there is no such
  /// directory, or this process may not enter it.
  explicit FileRoot(const std::string& path);
  FileRoot(const std::string& path, Lookup lookup);

  Lookup lookup() const noexcept { return lookup_; }

  /// Opens the regular file at `path`, which is relative to the root and not encoded. Refuses by
  /// its name a path with a segment that is empty or begins with a dot, with a NUL, or that is too
  /// long; it does not ask the kernel then. (A link that the root's owner has made may lead to a
  /// dot file.) Never waits for a pipe or a device. It does not open one either: a pipe's writer
  /// would notice, and some devices act when they are opened.
  Opened open(std::string_view path) const;

 private:
  support::UniqueFd look_up(const std::string& path, int flags) const;

  support::UniqueFd root_;
  Lookup lookup_;
};

}  // namespace appd::files
