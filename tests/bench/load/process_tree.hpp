// What a process and its descendants have used.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>

namespace appd::load {

/// What a process and its descendants have used up to one moment.
///
/// A process's own time comes from its CPU clock (clock_getcpuclockid), which counts nanoseconds,
/// user and system, of all its threads, ended ones too; /proc/PID/stat counts in ticks of 10 ms,
/// and /proc/PID/task/*/schedstat forgets a thread when it ends. The time of a process that ended
/// is found again in what its parent has reaped (cutime and cstime of /proc/PID/stat, in ticks).
class ProcessTree {
 public:
  /// Throws std::runtime_error when there is no process `root`.
  static ProcessTree measure(pid_t root);

  /// The CPU time from `before` to this. Throws std::runtime_error when a process ended in between
  /// and what the others reaped does not hold its time: the sum would be too small.
  std::chrono::nanoseconds cpu_since(const ProcessTree& before) const;

  /// Proportional set size: memory, of which pages shared by n processes count 1/n in each.
  /// Throws std::runtime_error when it cannot be read.
  std::uint64_t pss_kib() const;

  /// How many processes it has, without ended ones that nobody has waited for.
  std::size_t running() const;

 private:
  struct Process {
    std::chrono::nanoseconds used{};    ///< by its own threads
    std::chrono::nanoseconds reaped{};  ///< by ended descendants that were waited for
    bool ended = false;                 ///< but not waited for
  };

  std::chrono::nanoseconds total() const;

  std::map<pid_t, Process> processes_;
};

}  // namespace appd::load
