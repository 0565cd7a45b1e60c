// Annotations for clang's -Wthread-safety, and a mutex that carries them.
#pragma once

#include <condition_variable>
#include <mutex>

// For clang's static thread-safety analysis; empty for other compilers.
#if defined(__clang__)
#define APPD_ATTRIBUTE(x) __attribute__((x))
#else
#define APPD_ATTRIBUTE(x)
#endif
#define APPD_GUARDED_BY(mutex) APPD_ATTRIBUTE(guarded_by(mutex))
#define APPD_REQUIRES(mutex) APPD_ATTRIBUTE(requires_capability(mutex))
#define APPD_EXCLUDES(mutex) APPD_ATTRIBUTE(locks_excluded(mutex))

namespace appd::net {

/// A std::mutex that the analysis knows. One made by hand from atomics saved 1 or 2 % of a short
/// request's processor time, but cost 40 % more for a long stream whose thread meets the loop at
/// the lock.
class APPD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() APPD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() APPD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

/// A std::condition_variable for threads that share a Mutex.
class Condition {
 public:
  void wait(Mutex& mutex) APPD_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
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
