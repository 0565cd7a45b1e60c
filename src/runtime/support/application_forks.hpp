// Keeps processes that the application forks out of appd's signals, descriptors and code.
#pragma once

namespace appd::support {

// A process that the application forks (os.fork, multiprocessing, pty, a C library) is not part of
// appd. It gets the signal handling from before appd's, and none of appd's descriptors. It must not
// return into appd's code: there it would be a second worker with the first one's connections.

/// Takes effect at once, in this process and those that it forks. Throws std::system_error.
void keep_application_forks_apart();

/// While one exists, the calling thread's forks are appd's own.
class OwnFork {
 public:
  OwnFork() noexcept;
  ~OwnFork();
  OwnFork(const OwnFork&) = delete;
  OwnFork& operator=(const OwnFork&) = delete;
};

/// Whether the application forked this process. Costs one load; any thread.
bool forked_by_application() noexcept;

}  // namespace appd::support
