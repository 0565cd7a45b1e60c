// What survives an upgrade: descriptors of the master, passed on through execve.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// What a master leaves to the program that takes its place in the same process (execve): which
/// descriptors stay open, and what they are. The process id, the children and the record lock of
/// the pid file stay by themselves.
struct UpgradeState {
  struct Socket {
    std::string address;  ///< as it was configured
    int fd = -1;
    bool owns_file = false;  ///< this process removes its file at the end
  };
  struct Passed {
    std::string name;  ///< from the service manager; no --socket has asked for it yet
    int fd = -1;
  };
  struct Worker {
    unsigned index = 0;
    pid_t pid = 0;
    int link = -1;
    bool ready = false;    ///< it serves; false while it starts
    bool retired = false;  ///< it ends when its requests are done
    bool exiting = false;  ///< its requests are done
    int inbox = -1;        ///< Deployment::inbox
  };

  unsigned generation = 0;                ///< number of the generation that serves
  std::chrono::nanoseconds heartbeat{0};  ///< GenerationPlan::heartbeat
  std::vector<Worker> workers;
  std::vector<Socket> sockets;
  std::vector<Passed> passed;
  int handover_in = -1;  ///< peers::HandoverQueue
  int handover_out = -1;
  int pid_file = -1;         ///< −1 without one
  int control = -1;          ///< −1 without one
  std::vector<int> callers;  ///< on the control socket; they wait for the outcome
};

/// Writes it into a file without a name, which is close-on-exec. Throws std::system_error.
support::UniqueFd store(const UpgradeState& upgrade_state);
/// Reads such a file. Throws std::runtime_error if it is something else.
UpgradeState load_upgrade_state(const support::UniqueFd& file);

/// Sets whether the descriptors and the file survive execve.
void keep_over_exec(const UpgradeState& upgrade_state, const support::UniqueFd& file,
                    bool keep) noexcept;

}  // namespace appd::supervisor
