// System calls that fail on request.
#pragma once

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <mutex>
#include <string_view>
#include <thread>

// Replaces system calls of the I/O path by ones that can fail on request, in the whole test
// program. Include it in one translation unit.

namespace appd::test {

/// Makes calls of one name fail, for as long as it lives, in all threads but the test's own, which
/// constructs it.
///
///     const FailingCalls fails("recv", ENOMEM, {.after = 2, .count = 1});   the third one
class FailingCalls {
 public:
  struct Which {
    int after = 0;        ///< number of calls that succeed first
    int count = INT_MAX;  ///< number of calls that fail then
  };

  FailingCalls(std::string_view call, int error, Which which) : error_(error) {
    const std::lock_guard lock(mutex_);
    call_ = call;
    seen_ = failed_ = 0;
    after_ = which.after;
    count_ = which.count;
    active_ = this;
  }
  FailingCalls(std::string_view call, int error) : FailingCalls(call, error, Which{}) {}
  ~FailingCalls() {
    const std::lock_guard lock(mutex_);
    active_ = nullptr;
  }
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;

  int failed() const noexcept { return failed_; }

  /// For the replacements: true, with errno set, if this call must fail.
  static bool fails(std::string_view call) noexcept {
    if (active_.load() == nullptr) return false;
    const std::lock_guard lock(mutex_);
    const FailingCalls* const now = active_;
    if (now == nullptr || call != call_ || std::this_thread::get_id() == now->maker_) return false;
    const int number = seen_++;
    if (number < after_ || number - after_ >= count_) return false;
    ++failed_;
    errno = now->error_;
    return true;
  }
  template <typename Call>
  static Call* real(const char* name) noexcept {
    return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
  }

 private:
  const int error_;
  const std::thread::id maker_ = std::this_thread::get_id();
  static inline std::mutex mutex_;
  static inline std::string_view call_;  // guarded by mutex_, like the counters
  static inline int after_ = 0;
  static inline int count_ = 0;
  static inline std::atomic<int> seen_{0};
  static inline std::atomic<int> failed_{0};
  static inline std::atomic<const FailingCalls*> active_{nullptr};
};

}  // namespace appd::test

// NOLINTBEGIN(bugprone-macro-parentheses)
#define APPD_FAILING(result, name, parameters, ...)                                     \
  extern "C" result name parameters {                                                   \
    static auto* const real = appd::test::FailingCalls::real<result parameters>(#name); \
    return appd::test::FailingCalls::fails(#name) ? -1 : real(__VA_ARGS__);             \
  }
// NOLINTEND(bugprone-macro-parentheses)

APPD_FAILING(int, epoll_ctl, (int epoll, int what, int fd, epoll_event* event), epoll, what, fd,
             event)
APPD_FAILING(int, epoll_wait, (int epoll, epoll_event* events, int most, int time), epoll, events,
             most, time)
APPD_FAILING(int, accept4, (int fd, sockaddr* address, socklen_t* size, int flags), fd, address,
             size, flags)
APPD_FAILING(ssize_t, recv, (int fd, void* into, size_t size, int flags), fd, into, size, flags)
APPD_FAILING(ssize_t, recvmsg, (int fd, msghdr* message, int flags), fd, message, flags)
APPD_FAILING(ssize_t, send, (int fd, const void* from, size_t size, int flags), fd, from, size,
             flags)
APPD_FAILING(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), fd, message, flags)
APPD_FAILING(ssize_t, sendfile, (int to, int from, off_t* offset, size_t size), to, from, offset,
             size)
APPD_FAILING(ssize_t, pwrite, (int fd, const void* from, size_t size, off_t offset), fd, from, size,
             offset)
