// Collects stacks and memory facts of a dead process.

#include "runtime/supervisor/post_mortem.hpp"

#include <sys/wait.h>

#include <csignal>

#include "runtime/supervisor/crash_stacks.hpp"

namespace appd::supervisor {

std::string PostMortem::examine(const ipc::CrashFiles& files, unsigned place, int wait_status) {
  const bool lack_of_memory = oom_kills_.have_risen();  // asked at each death: since the last one
  if (!WIFSIGNALED(wait_status)) return "";
  if (WTERMSIG(wait_status) == SIGKILL) {
    return lack_of_memory
               ? "; the kernel may have killed it for lack of memory: the oom_kill count of its "
                 "control group has risen"
               : "";
  }
  const std::string stacks = arrange_stacks(files.read(place));
  return stacks.empty() ? "" : "\n" + stacks;
}

}  // namespace appd::supervisor
