// The pid file, which also keeps a second master away.
#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/support/account.hpp"
#include "runtime/support/owned_file.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// The file with the master's process id (--pidfile), locked while the master lives: a second one
/// on the same file is refused, and the file that a killed one has left is taken over.
///
/// The lock is a POSIX record lock, which is the process's and not the descriptor's. So workers do
/// not inherit it, it ends with the master although they may still be draining, and the kernel
/// tells who has it. (It is also lost when the process closes any other descriptor of that file:
/// nobody else opens it.) The destructor removes the file, as OwnedFile does.
class PidFile {
 public:
  /// Throws std::runtime_error when another process has it, or when the file holds anything but a
  /// process id, which is left as it is; std::system_error when it cannot be made. Both name it.
  /// `account`: whom the workers act for, if root serves them: see support::PathActor.
  explicit PidFile(std::string path, const support::Account* account = nullptr);
  /// Takes over the lock that this process has already, before execve, by this descriptor.
  PidFile(std::string path, support::UniqueFd locked, const support::Account* account = nullptr);
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  /// Close-on-exec. With it, an application could write another process id there, for whoever
  /// signals the master by this file.
  int fd() const noexcept { return fd_.get(); }

 private:
  void open_locked(const support::Account* account);
  void check_content() const;
  void write() const;

  const std::string path_;
  support::UniqueFd fd_;
  support::OwnedFile file_;  // goes before the lock ends
};

}  // namespace appd::supervisor
