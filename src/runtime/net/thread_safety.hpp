#pragma once

#include <condition_variable>
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
  friend class Condition;

  std::mutex mutex_;
};

/// std::condition_variable for a Mutex; unlike condition_variable_any it allocates nothing.
class Condition {
 public:
  void wait(Mutex& mutex) APPD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
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
