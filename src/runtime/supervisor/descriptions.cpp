#include "runtime/supervisor/descriptions.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstring>
#include <iterator>
#include <string_view>

#include "runtime/observe/line.hpp"
#include "runtime/support/exit_code.hpp"

namespace appd::supervisor {

std::string describe_exit(int wait_status) {
  if (WIFEXITED(wait_status)) {
    const int code = WEXITSTATUS(wait_status);
    return fmt::format("exited with code {}{}", code,
                       code == support::exit_code::kDescriptors
                           ? " (the application has closed descriptors of appd's)"
                           : "");
  }
  return fmt::format("was killed by {}{}", describe_signal(WTERMSIG(wait_status)),
                     WCOREDUMP(wait_status) ? " (core dumped)" : "");
}

std::string describe_requests(std::span<const observe::RunningRequest> requests) {
  observe::Line line;
  std::string_view separator;
  for (const observe::RunningRequest& request : requests) {
    fmt::format_to(std::back_inserter(line), "{}", separator);
    observe::append_text(line, request.text);
    fmt::format_to(std::back_inserter(line), " (thread {}, {})", request.thread,
                   describe_duration(request.age));
    separator = ", ";
  }
  return fmt::to_string(line);
}

std::string describe_duration(std::chrono::nanoseconds duration) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
}

std::string describe_signal(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace appd::supervisor
