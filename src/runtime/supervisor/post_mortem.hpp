// What is known of a process that a signal has ended.
#pragma once

#include <string>
#include <utility>

#include "runtime/ipc/crash_files.hpp"
#include "runtime/supervisor/oom_kills.hpp"

namespace appd::supervisor {

/// What can be known of a process that a signal has ended, beyond the signal.
class PostMortem {
 public:
  explicit PostMortem(OomKills oom_kills = OomKills()) : oom_kills_(std::move(oom_kills)) {}

  /// To be put behind the sentence that tells of the death of the process at this place of the
  /// files: that the kernel may have killed it for lack of memory; on further lines, where its
  /// Python code was. "" for nothing. `wait_status`: waitpid's.
  std::string examine(const ipc::CrashFiles& files, unsigned place, int wait_status);

 private:
  OomKills oom_kills_;
};

}  // namespace appd::supervisor
