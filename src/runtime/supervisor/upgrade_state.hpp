// What survives an upgrade: descriptors of the master, passed on through execve.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// What a master leaves to the program that takes its place in the same process (execve): the
/// descriptors, which stay open, and what they are. The process id, the children and the record
/// lock of the pid file stay by themselves.
struct UpgradeState {
  struct Socket {
    std::string address;  ///< as it was configured
    int fd = -1;
    bool owns_file = false;  ///< its file is removed at the end
  };
  struct Passed {
    std::string name;  ///< that the service manager gave it; nobody has asked for it yet
    int fd = -1;
  };
  struct Worker {
    unsigned index = 0;
    pid_t pid = 0;
    int link = -1;
    bool ready = false;    ///< it serves; not so: it starts
    bool retired = false;  ///< it ends when its requests have
    bool exiting = false;  ///< they have
    int inbox = -1;        ///< GenerationPlan::inbox
  };

  unsigned generation = 0;                ///< number of the one that serves
  std::chrono::nanoseconds heartbeat{0};  ///< GenerationPlan::heartbeat
  std::vector<Worker> workers;
  std::vector<Socket> sockets;
  std::vector<Passed> passed;
  int box_in = -1;  ///< peers::HandoverQueue
  int box_out = -1;
  int pid_file = -1;         ///< −1: none
  int control = -1;          ///< −1: none
  std::vector<int> callers;  ///< on the control socket, who wait for the outcome
};

/// A file without a name that holds it; close-on-exec. Throws std::system_error.
support::UniqueFd store(const UpgradeState& upgrade_state);
/// Reads such a file. Throws std::runtime_error when it is none.
UpgradeState load_upgrade_state(const support::UniqueFd& file);

/// Whether the descriptors, and the file, survive execve.
void keep_over_exec(const UpgradeState& upgrade_state, const support::UniqueFd& file,
                    bool keep) noexcept;

}  // namespace appd::supervisor
