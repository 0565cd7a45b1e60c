#pragma once

namespace appd::support {

// What the application forks (os.fork, multiprocessing, pty, a library in C) is not appd: it gets
// the signal handling that was there before appd's, none of appd's descriptors, and may not come
// back into appd's code, where it would be a second worker with the first one's connections.

/// From now on, in this process and those that it forks. Throws std::system_error.
void keep_application_forks_apart();

/// The calling thread's forks are appd's own while one exists.
class OwnFork {
 public:
  OwnFork() noexcept;
  ~OwnFork();
  OwnFork(const OwnFork&) = delete;
  OwnFork& operator=(const OwnFork&) = delete;
};

/// Whether this process was forked by the application. Costs a load; any thread.
bool forked_by_application() noexcept;

}  // namespace appd::support
