#pragma once

#include <signal.h>
#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

#include "runtime/gateway/reporter.hpp"

namespace appd::python {

/// Stands round the import of an application, which may do to the process whatever it likes: looks
/// afterwards whether appd can still serve in it.
///
/// On the main thread, holding the interpreter, before there is another thread of appd's.
class ImportGuard {
 public:
  /// Notes how things are before the import. Throws std::system_error.
  explicit ImportGuard(gateway::Reporter& reporter);

  /// After it: mends with a warning what can be mended (signals that do not come through, SIGPIPE
  /// that kills); throws LoadError when threads are none any more. Where descriptors of appd's were
  /// closed, nobody can be told anything but by the log and the exit code: ends the process.
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
