#include "runtime/observe/access_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <exception>

#include "runtime/observe/line.hpp"
#include "runtime/support/path_actor.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::observe {
namespace {

support::UniqueFd open_target(const std::string& target, const support::Account* account) {
  if (target == "-") {
    support::UniqueFd fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!fd) support::throw_errno("dup", "stdout");
    return fd;
  }
  return support::open_for(account, target, O_WRONLY | O_APPEND | O_CREAT, 0640);
}

}  // namespace

AccessLog::AccessLog(const std::string& target, std::string_view format,
                     const support::Account* account)
    : format_(format.empty() ? kDefaultAccessFormat : format), fd_(open_target(target, account)) {}

void AccessLog::write(const gateway::AccessRecord& record) const noexcept {
  try {
    Line line;
    format_.append(line, record, std::chrono::system_clock::now());
    line.push_back('\n');
    write_line(fd_.get(), {line.data(), line.size()});
  } catch (const std::exception&) {
    // Out of memory for a very long line: the request matters more than its record.
  }
}

}  // namespace appd::observe
