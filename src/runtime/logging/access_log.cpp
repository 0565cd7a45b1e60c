// Opens, reopens and writes the access log.

#include "runtime/logging/access_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>

#include "runtime/logging/line.hpp"
#include "runtime/logging/log_file.hpp"
#include "runtime/support/path_actor.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::logging {
namespace {

support::UniqueFd open_target(const std::string& target, const support::Account* account) {
  if (target == "-") {
    support::UniqueFd fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!fd) support::throw_errno("dup", "stdout");
    return fd;
  }
  // Opening a FIFO does not wait for a reader; a FIFO without a reader is not an error.
  constexpr int kFlags = O_APPEND | O_CREAT | O_NONBLOCK;
  try {
    return support::open_for(account, target, O_WRONLY | kFlags, 0640);
  } catch (const std::system_error& error) {
    if (error.code().value() != ENXIO) throw;
    return support::open_for(account, target, O_RDWR | kFlags, 0640);
  }
}

}  // namespace

AccessLog::AccessLog(const std::string& target, std::string_view format,
                     const support::Account* account)
    : target_(target),
      account_(account != nullptr ? std::optional(*account) : std::nullopt),
      format_(format.empty() ? kDefaultAccessFormat : format),
      fd_(open_target(target, account)),
      sink_(fd_.get()) {}

AccessLog::AccessLog(support::UniqueFd fd, std::string_view format)
    : format_(format.empty() ? kDefaultAccessFormat : format),
      fd_(std::move(fd)),
      sink_(fd_.get()) {}

void AccessLog::write(const gateway::AccessRecord& record) noexcept {
  try {
    Line line;
    format_.append(line, record, std::chrono::system_clock::now());
    line.push_back('\n');
    sink_.write({line.data(), line.size()});
  } catch (const std::exception&) {
    // No memory for a very long line: the request matters more than its record.
  }
}

void AccessLog::reopen() {
  if (file() < 0) return;
  go_on_in(open_target(target_, account_ ? &*account_ : nullptr).get());
}

void AccessLog::go_on_in(int fd) noexcept {
  go_on(fd_.get(), fd, O_CLOEXEC);
}

int AccessLog::file() const noexcept {
  return is_regular_file(fd_.get()) ? fd_.get() : -1;
}

}  // namespace appd::logging
