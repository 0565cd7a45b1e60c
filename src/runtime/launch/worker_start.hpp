// What a master hands to the program that becomes a worker: settings, and open descriptors.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/config/settings.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::launch {

/// What a worker program is executed for.
enum class Role : std::uint8_t {
  worker,
  zygote,   ///< imports the application and forks workers
  check,    ///< imports the application for --check, and ends
  version,  ///< prints its versions, and ends
};

/// What a worker of `appd dev` gets.
struct DevelopmentStart {
  int failure = -1;        ///< the file in memory for the traceback of a failed load
  int reports = -1;        ///< supervisor::ChangeWatcher::pipe
  bool stands_in = false;  ///< nothing serves: if the load fails, a page shows why
  bool pages = false;      ///< error pages may be shown
  std::string url{};       ///< of the application; "" if there is none

  bool operator==(const DevelopmentStart&) const = default;
};

/// All that a worker program gets from its master, beside its environment, directory and rights.
/// The program inherits the descriptors; −1 is one that its role does not need. Many members
/// because each is a thing of its own to hand over.
struct WorkerStart {
  struct Channel {
    int in = -1;
    int out = -1;

    bool operator==(const Channel&) const = default;
  };

  Role role = Role::version;
  unsigned index = 0;                ///< a worker's place, from 0
  unsigned places = 1;               ///< of workers in this generation
  config::Settings settings;         ///< without `env` and `env_files`; paths are absolute
  std::vector<uid_t> allowed_users;  ///< Settings::allow_users as numbers
  bool dumpable = true;              ///< support::Dumpable
  std::string program;               ///< the path that was executed, for texts
  pid_t pid = 0;                     ///< of the process that is to be the worker

  int link = -1;
  int scoreboard = -1;
  int access_log = -1;
  std::vector<int> sockets;       ///< listening
  std::vector<int> http_sockets;  ///< the same, for HTTP
  std::vector<int> crash_files;   ///< a worker's own; a zygote's are of all places and its own
  std::vector<Channel> inboxes;   ///< of all workers; empty if there is one
  Channel handover;
  DevelopmentStart development;

  bool operator==(const WorkerStart&) const = default;
};

/// The part of a start file that every version of appd writes and reads, so that master and worker
/// of different versions can refuse each other by name. For the same reason every version of
/// appd-worker takes the number of the file's descriptor as its only argument, and every version of
/// the module has a function `run` for it.
struct StartHead {
  std::string version;
  int link = -1;
};

/// Writes the file that a worker program reads first: a file without a name, close-on-exec. Throws
/// std::system_error.
support::UniqueFd store(const WorkerStart& start);
/// Both throw std::runtime_error if the file is something else. Call `load_worker_start` only if
/// the version is that of this program.
StartHead load_start_head(const support::UniqueFd& file);
WorkerStart load_worker_start(const support::UniqueFd& file);

/// Calls `act` with each descriptor that a program of this start inherits.
void for_each_descriptor(const WorkerStart& start, const std::function<void(int)>& act);

}  // namespace appd::launch
