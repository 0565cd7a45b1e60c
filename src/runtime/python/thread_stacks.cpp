// Asks a thread for its stack by a signal, whose handler calls faulthandler.

#include "runtime/python/thread_stacks.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "runtime/python/errors.hpp"
#include "runtime/support/event_fd.hpp"
#include "runtime/support/thread_id.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::python {
namespace {

/// Longer stacks are cut: faulthandler writes at most a hundred frames.
constexpr std::size_t kMostText = 64 * 1024;

/// The state that the signal's handler shares with the thread that asks. The handler runs on the
/// thread that is asked, and may come late, when nobody waits any more.
///
///     idle ──dump──► wanted ──(handler)──► writing ──► written, or ended
///       └───(no response)──┘
enum class Phase : std::uint8_t { idle, wanted, writing, written, ended };
std::atomic<Phase> phase{Phase::idle};
std::atomic<pid_t> asked{0};
RunningCall asked_call{};  // set before `wanted`, read after `writing`
int bell = -1;
void (*write_frames)(int) = nullptr;  // faulthandler's handler

static_assert(std::atomic<Phase>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

void ring() noexcept {
  const std::uint64_t once = 1;
  [[maybe_unused]] const ssize_t n = ::write(bell, &once, sizeof once);
}

extern "C" void on_stack_signal(int signal) {
  const int error = errno;
  Phase expected = Phase::wanted;
  if (phase.load(std::memory_order_acquire) == expected && asked.load() == support::thread_id() &&
      phase.compare_exchange_strong(expected, Phase::writing)) {
    // Only this thread changes the number, so the result holds until the handler ends.
    const bool runs = asked_call.runs();
    if (runs) write_frames(signal);
    phase.store(runs ? Phase::written : Phase::ended, std::memory_order_release);
    ring();
  }
  errno = error;
}

support::UniqueFd open_memory() {
  support::UniqueFd fd(::memfd_create("appd-stack", MFD_CLOEXEC));
  if (!fd) support::throw_errno("memfd_create");
  return fd;
}

void register_with_faulthandler(int fd) {
  const Ref module = checked(PyImport_ImportModule("faulthandler"));
  const Ref function = checked(PyObject_GetAttrString(module.get(), "register"));
  const Ref arguments = checked(Py_BuildValue("(i)", ThreadStacks::signal()));
  const Ref named = checked(Py_BuildValue("{s:i, s:O}", "file", fd, "all_threads", Py_False));
  checked(PyObject_Call(function.get(), arguments.get(), named.get()));
}

/// Puts our handler in front of the present one.
void put_handler_in_front() {
  struct sigaction action {};
  if (::sigaction(ThreadStacks::signal(), nullptr, &action) != 0) support::throw_errno("sigaction");
  write_frames = action.sa_handler;
  action.sa_handler = on_stack_signal;
  if (::sigaction(ThreadStacks::signal(), &action, nullptr) != 0) support::throw_errno("sigaction");
}

}  // namespace

int ThreadStacks::signal() noexcept {
  return SIGRTMAX - 5;
}

ThreadStacks::ThreadStacks() : frames_(open_memory()), bell_(support::open_event_fd()) {
  bell = bell_.get();
  support::install_own_handler(ThreadStacks::signal(), [this] {
    register_with_faulthandler(frames_.get());
    put_handler_in_front();
  });
}

ThreadStacks::~ThreadStacks() {
  bell = -1;
}

std::optional<std::string> ThreadStacks::dump(pid_t thread, const RunningCall& call) {
  if (phase.load(std::memory_order_acquire) == Phase::writing) return std::nullopt;
  std::uint64_t rung = 0;
  [[maybe_unused]] const ssize_t n = ::read(bell_.get(), &rung, sizeof rung);
  if (::ftruncate(frames_.get(), 0) != 0 || ::lseek(frames_.get(), 0, SEEK_SET) != 0) {
    return std::nullopt;
  }
  asked_call = call;
  asked.store(thread);
  phase.store(Phase::wanted, std::memory_order_release);
  const bool sent = ::syscall(SYS_tgkill, ::getpid(), thread, ThreadStacks::signal()) == 0;
  if (!sent || !wait_for_response()) {
    Phase expected = Phase::wanted;
    if (phase.compare_exchange_strong(expected, Phase::idle)) return std::nullopt;
    // It has just begun. Writing takes microseconds once the thread has a processor.
    if (!wait_for_response()) return std::nullopt;
  }
  if (phase.exchange(Phase::idle) != Phase::written) return std::nullopt;
  return read_frames();
}

bool ThreadStacks::wait_for_response() const {
  pollfd waited{bell_.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&waited, 1, kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::string ThreadStacks::read_frames() const {
  std::string text(kMostText, '\0');
  const ssize_t size = ::pread(frames_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  // The first line is a title.
  text.erase(0, text.find('\n') == text.npos ? text.npos : text.find('\n') + 1);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace appd::python
