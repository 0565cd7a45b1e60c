// What is known of a process that a signal has ended.
#pragma once

#include <string>
#include <utility>

#include "runtime/ipc/crash_files.hpp"
#include "runtime/supervisor/oom_kills.hpp"

namespace appd::supervisor {

/// Finds out what can be known of a process that a signal has ended, beyond the signal.
class PostMortem {
 public:
  explicit PostMortem(OomKills oom_kills = OomKills()) : oom_kills_(std::move(oom_kills)) {}

  /// What is known of the process at this place of the files, to be put behind the sentence that
  /// tells of its death: that the kernel may have killed it for lack of memory, or, on further
  /// lines, where its Python code was. "" if nothing is known. `wait_status` is waitpid's.
  std::string examine(const ipc::CrashFiles& files, unsigned place, int wait_status);

 private:
  OomKills oom_kills_;
};

}  // namespace appd::supervisor
