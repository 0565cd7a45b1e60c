#pragma once

#include <mutex>

// Clang's static thread-safety analysis; nothing for other compilers.
#if defined(__clang__)
#define APPD_ATTRIBUTE(x) __attribute__((x))
#else
#define APPD_ATTRIBUTE(x)
#endif
#define APPD_GUARDED_BY(mutex) APPD_ATTRIBUTE(guarded_by(mutex))
#define APPD_REQUIRES(mutex) APPD_ATTRIBUTE(requires_capability(mutex))
#define APPD_EXCLUDES(mutex) APPD_ATTRIBUTE(locks_excluded(mutex))

namespace appd::net {

/// std::mutex that the analysis knows.
class APPD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() APPD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() APPD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for a scope.
class APPD_ATTRIBUTE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) APPD_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() APPD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace appd::net
