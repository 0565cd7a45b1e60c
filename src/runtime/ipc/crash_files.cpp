// Memory files for crash reports, and the one descriptor by which a process reaches its own.

#include "runtime/ipc/crash_files.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "runtime/support/throw_errno.hpp"

namespace appd::ipc {
namespace {

volatile int own_descriptor = -1;  // a fork handler has no other way to learn it

extern "C" void write_to_stderr() {
  ::dup3(STDERR_FILENO, own_descriptor, O_CLOEXEC);
}

/// Call it once in a process; processes that it forks inherit the handler.
void keep_forked_processes_out(int descriptor) {
  if (std::exchange(own_descriptor, descriptor) >= 0) return;
  if (const int error = ::pthread_atfork(nullptr, nullptr, write_to_stderr); error != 0) {
    errno = error;
    support::throw_errno("pthread_atfork");
  }
}

std::vector<support::UniqueFd> make_files(unsigned places) {
  std::vector<support::UniqueFd> files;
  for (unsigned place = 0; place < places; ++place) {
    files.emplace_back(::memfd_create("appd-crash", MFD_CLOEXEC));
    if (!files.back()) support::throw_errno("memfd_create");
  }
  return files;
}

}  // namespace

CrashFiles::CrashFiles(unsigned places) : CrashFiles(make_files(places)) {}

CrashFiles::CrashFiles(std::vector<support::UniqueFd> files) : files_(std::move(files)) {
  own_.reset(::fcntl(files_.at(0).get(), F_DUPFD_CLOEXEC, 0));
  if (!own_) support::throw_errno("fcntl", "F_DUPFD_CLOEXEC");
  own_.keep_in_forks();  // as for stderr, see write_to_stderr
}

void CrashFiles::enter(unsigned place) {
  const int file = files_.at(place).get();
  if (::ftruncate(file, 0) != 0) support::throw_errno("ftruncate");
  if (::lseek(file, 0, SEEK_SET) != 0) support::throw_errno("lseek");
  if (::dup3(file, own_.get(), O_CLOEXEC) < 0) support::throw_errno("dup3");
  keep_forked_processes_out(own_.get());
}

std::string CrashFiles::read(unsigned place) const {
  std::string text(kMostRead, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::pread(files_.at(place).get(), text.data() + size, text.size() - size,
                                static_cast<off_t>(size));
    if (got <= 0) break;  // reading a memory file is never interrupted
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace appd::ipc
