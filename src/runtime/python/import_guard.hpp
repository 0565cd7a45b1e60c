// Checks what an import did to the process.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

#include "runtime/gateway/reporter.hpp"

namespace appd::python {

/// Surrounds the import of an application, which may do anything to the process. Checks afterwards
/// whether appd can still serve in it.
///
/// On the main thread, holding the interpreter, before appd has another thread.
class ImportGuard {
 public:
  /// Notes the state before the import. Throws std::system_error.
  explicit ImportGuard(gateway::Reporter& reporter);

  /// After the import: repairs with a warning what can be repaired (signals that are blocked,
  /// SIGPIPE that kills). Throws LoadError if threads do not work. If descriptors of appd's were
  /// closed, ends the process: only the log and the exit code can still report it.
  void check(const std::string& application) const;

 private:
  using File = std::pair<dev_t, ino_t>;

  static std::map<int, File> own_descriptors();
  void require_descriptors(const std::string& application) const;
  void let_signals_through() const;
  void ignore_sigpipe() const;
  void tell_of_sigterm() const;
  void warn(const char* what) const;

  gateway::Reporter& reporter_;
  const std::map<int, File> descriptors_;
  sigset_t blocked_;
  struct sigaction on_sigterm_;
};

}  // namespace appd::python
