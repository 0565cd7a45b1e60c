// Preloaded into appd (LD_PRELOAD): lets one call fail, in master or workers, once or for a while.
// A file that the test maps as well says what is to fail; faults.py has the same layout. Calls of
// the named kind are counted as long as the order stands, whether they fail or not.

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

struct Order {
  char call[24];
  std::int32_t error;
  std::int32_t master;     ///< its process id
  std::int32_t of_master;  ///< 0 lets it fail in all processes but the master, else in the master
  std::atomic<std::int32_t> left;  ///< calls that are still to fail; 0 if there is no order
  std::atomic<std::int64_t> seen;
  std::atomic<std::int64_t> failed;
};

Order* open_order() {
  const char* const path = std::getenv("APPD_FAULTS");
  if (path == nullptr) return nullptr;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* const memory = ::mmap(nullptr, sizeof(Order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Order*>(memory);
}

Order* const order = open_order();

bool fails(const char* call) noexcept {
  if (order == nullptr || order->left.load() <= 0 || std::strcmp(order->call, call) != 0) {
    return false;
  }
  if ((::getpid() == order->master) != (order->of_master != 0)) return false;
  ++order->seen;
  if (order->left.fetch_sub(1) <= 0) return false;
  ++order->failed;
  errno = order->error;
  return true;
}

template <typename Call>
Call* find(const char* name) noexcept {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// NOLINTBEGIN(bugprone-macro-parentheses)
#define FAILING(result, name, parameters, ...)                \
  extern "C" result name parameters {                         \
    static auto* const real = find<result parameters>(#name); \
    return fails(#name) ? -1 : real(__VA_ARGS__);             \
  }
// NOLINTEND(bugprone-macro-parentheses)

// To take a descriptor out of epoll cannot fail while it is in.
extern "C" int epoll_ctl(int epoll, int what, int fd, epoll_event* event) noexcept {
  static auto* const real = find<int(int, int, int, epoll_event*)>("epoll_ctl");
  return what != EPOLL_CTL_DEL && fails("epoll_ctl") ? -1 : real(epoll, what, fd, event);
}
FAILING(int, epoll_wait, (int epoll, epoll_event* events, int most, int time), epoll, events, most,
        time)
FAILING(int, poll, (pollfd * files, nfds_t count, int time), files, count, time)
FAILING(int, accept4, (int fd, sockaddr* address, socklen_t* size, int flags), fd, address, size,
        flags)
FAILING(ssize_t, recv, (int fd, void* into, size_t size, int flags), fd, into, size, flags)
FAILING(ssize_t, recvmsg, (int fd, msghdr* message, int flags), fd, message, flags)
FAILING(ssize_t, send, (int fd, const void* from, size_t size, int flags), fd, from, size, flags)
FAILING(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), fd, message, flags)
FAILING(ssize_t, sendfile, (int to, int from, off_t* offset, size_t size), to, from, offset, size)
FAILING(ssize_t, pread, (int fd, void* into, size_t size, off_t offset), fd, into, size, offset)
FAILING(ssize_t, pwrite, (int fd, const void* from, size_t size, off_t offset), fd, from, size,
        offset)
FAILING(ssize_t, read, (int fd, void* into, size_t size), fd, into, size)
FAILING(ssize_t, write, (int fd, const void* from, size_t size), fd, from, size)
extern "C" int shutdown(int fd, int how) noexcept {
  static auto* const real = find<int(int, int)>("shutdown");
  return fails("shutdown") ? -1 : real(fd, how);
}
extern "C" int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  static auto* const real = find<int(int, int, int, const void*, socklen_t)>("setsockopt");
  return fails("setsockopt") ? -1 : real(fd, level, name, value, size);
}
extern "C" int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  static auto* const real = find<int(int, int, int, void*, socklen_t*)>("getsockopt");
  return fails("getsockopt") ? -1 : real(fd, level, name, value, size);
}
extern "C" int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = find<int(int, off_t)>("ftruncate");
  return fails("ftruncate") ? -1 : real(fd, size);
}
extern "C" pid_t fork() noexcept {
  static auto* const real = find<pid_t()>("fork");
  return fails("fork") ? -1 : real();
}

void* operator new(std::size_t size) {
  if (!fails("new")) {
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  }
  throw std::bad_alloc();
}
