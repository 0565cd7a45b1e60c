// Reads and writes the shared memory with a sequence lock per thread slot.

#include "runtime/ipc/scoreboard.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include "runtime/support/monotonic.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::ipc {
namespace {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

using Text = std::array<char, ThreadSlot::kTextSize>;

std::size_t append(Text& text, std::size_t at, std::string_view part) noexcept {
  const std::size_t size = std::min(part.size(), text.size() - at);
  std::memcpy(text.data() + at, part.data(), size);
  return at + size;
}

constexpr std::size_t words_of(std::size_t bytes) noexcept {
  return (bytes + 7) / 8;
}

/// A worker may write what it likes into the file, but could end its master by cutting it short:
/// the kernel sends SIGBUS to a process that reads beyond the end.
support::UniqueFd make_file(std::size_t size) {
  support::UniqueFd file(::memfd_create("appd-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) support::throw_errno("memfd_create", "scoreboard");
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    support::throw_errno("ftruncate", "scoreboard");
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    support::throw_errno("fcntl", "F_ADD_SEALS");
  }
  return file;
}

std::string read_text(const ThreadSlot& slot) {
  const std::size_t size =
      std::min<std::size_t>(slot.text_size.load(std::memory_order_acquire), ThreadSlot::kTextSize);
  Text text;
  for (std::size_t word = 0; word < words_of(size); ++word) {
    const std::uint64_t bytes = slot.text[word].load(std::memory_order_acquire);
    std::memcpy(text.data() + word * 8, &bytes, sizeof bytes);
  }
  return {text.data(), size};
}

}  // namespace

// A release store cannot be seen before the odd sequence that precedes it, and what follows an
// acquire load is read after it. So a reader that finds the same even sequence at both ends has one
// request. (The usual fences would say the same, but ThreadSanitizer does not know them.)
ThreadSlot::Reading ThreadSlot::read() const {
  constexpr int kTries = 100;  // a worker may have died inside `begin`
  for (int i = 0; i < kTries; ++i) {
    const std::uint32_t before = sequence.load(std::memory_order_acquire);
    Reading reading{before, started.load(std::memory_order_acquire), progress.count(),
                    progress.waits_for_front(), read_text(*this)};
    const std::uint32_t after = sequence.load(std::memory_order_relaxed);
    if (before % 2 == 0 && before == after) return reading;
    ::sched_yield();  // perhaps to the writer
  }
  return {sequence.load(std::memory_order_relaxed), started.load(std::memory_order_relaxed), 0,
          false, "(just starting)"};
}

void ThreadSlot::begin(std::int64_t start, std::string_view method, std::string_view uri) noexcept {
  Text made;
  std::size_t size = append(made, 0, method);
  size = append(made, size, " ");
  size = append(made, size, uri);
  std::fill(made.begin() + static_cast<std::ptrdiff_t>(size),
            made.begin() + static_cast<std::ptrdiff_t>(words_of(size) * 8), '\0');

  const std::uint32_t before = sequence.load(std::memory_order_relaxed);
  sequence.store(before + 1, std::memory_order_relaxed);
  started.store(start, std::memory_order_release);
  progress.reset();
  text_size.store(static_cast<std::uint32_t>(size), std::memory_order_release);
  for (std::size_t word = 0; word < words_of(size); ++word) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, made.data() + word * 8, sizeof bytes);
    text[word].store(bytes, std::memory_order_release);
  }
  sequence.store(before + 2, std::memory_order_release);
}

void ThreadSlot::end(bool front_lost) noexcept {
  started.store(0, std::memory_order_release);
  // There is only one writer, so no read-modify-write instruction is needed.
  requests.store(requests.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  sequence.store(sequence.load(std::memory_order_relaxed) + 2, std::memory_order_release);
  if (front_lost) lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

Scoreboard::Scoreboard(unsigned workers, unsigned threads)
    : workers_(workers), threads_(threads), file_(make_file(size())) {
  assert(workers > 0 && threads > 0);
  map(file_);
  std::uninitialized_default_construct_n(loads_, workers);
  std::uninitialized_default_construct_n(slots_, std::size_t{workers} * threads);
}

Scoreboard::Scoreboard(const support::UniqueFd& file, unsigned workers, unsigned threads)
    : workers_(workers), threads_(threads) {
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) support::throw_errno("fstat", "scoreboard");
  if (found.st_size < static_cast<off_t>(size())) {
    throw std::runtime_error("the scoreboard is too short");
  }
  map(file);
}

void Scoreboard::map(const support::UniqueFd& file) {
  void* memory = ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) support::throw_errno("mmap", "scoreboard");
  loads_ = static_cast<WorkerLoad*>(memory);
  slots_ = reinterpret_cast<ThreadSlot*>(loads_ + workers_);
}

Scoreboard::~Scoreboard() {
  ::munmap(loads_, size());
}

std::size_t Scoreboard::size() const noexcept {
  return workers_ * (sizeof(WorkerLoad) + threads_ * sizeof(ThreadSlot));
}

std::span<ThreadSlot> Scoreboard::worker(unsigned index) noexcept {
  assert(index < workers_);
  return {slots_ + std::size_t{index} * threads_, threads_};
}

std::span<const ThreadSlot> Scoreboard::row(unsigned index) const noexcept {
  assert(index < workers_);
  return {slots_ + std::size_t{index} * threads_, threads_};
}

std::vector<RunningRequest> Scoreboard::running(unsigned index) const {
  std::vector<RunningRequest> requests;
  const std::int64_t now = support::monotonic_ns();
  unsigned thread = 0;
  for (const ThreadSlot& slot : row(index)) {
    ++thread;
    ThreadSlot::Reading reading = slot.read();
    if (reading.started == 0) continue;
    const std::chrono::nanoseconds age(now - std::clamp<std::int64_t>(reading.started, 0, now));
    requests.push_back({thread, age, std::move(reading.text)});
  }
  return requests;
}

std::uint64_t Scoreboard::answered(unsigned index) const noexcept {
  std::uint64_t sum = 0;
  for (const ThreadSlot& slot : row(index)) sum += slot.requests.load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t Scoreboard::lost(unsigned index) const noexcept {
  std::uint64_t sum = 0;
  for (const ThreadSlot& slot : row(index)) sum += slot.lost.load(std::memory_order_relaxed);
  return sum;
}

WaitingRequests Scoreboard::waiting() const noexcept {
  const std::int64_t now = support::monotonic_ns();
  WaitingRequests all;
  for (const WorkerLoad& load : loads()) {
    const int count = load.waiting.load(std::memory_order_relaxed);
    if (count <= 0) continue;
    all.count += static_cast<unsigned>(count);
    const std::int64_t since = load.waiting_since.load(std::memory_order_relaxed);
    if (since <= 0) continue;  // it was being noted
    all.oldest = std::max(all.oldest, std::chrono::nanoseconds(now - std::min(since, now)));
  }
  return all;
}

void Scoreboard::clear(unsigned index) noexcept {
  WorkerLoad& load = loads_[index];
  load.open.store(false);
  load.running.store(0);
  load.waiting.store(0);
  load.stalled.store(0);
  load.waiting_since.store(0);
  load.spooled.store(0);
  for (ThreadSlot& slot : worker(index)) {
    slot.started.store(0, std::memory_order_relaxed);
    slot.text_size.store(0, std::memory_order_relaxed);
    slot.sequence.store(0, std::memory_order_release);
  }
}

}  // namespace appd::ipc
