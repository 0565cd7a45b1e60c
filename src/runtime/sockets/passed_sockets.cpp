// Reads the sockets of systemd's socket activation.

#include "runtime/sockets/passed_sockets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/support/whole_number.hpp"

namespace appd::sockets {
namespace {

/// The service that this process belongs to, without ".service". (sd_pid_get_unit would look at
/// process 1, which ProtectProc= hides.)
std::string service_name() {
  constexpr std::string_view kService = ".service";
  std::ifstream groups("/proc/self/cgroup");  // lines such as "0::/system.slice/appd.service"
  for (std::string line; std::getline(groups, line);) {
    if (!line.ends_with(kService)) continue;
    const std::size_t begin = line.rfind('/') + 1;
    return line.substr(begin, line.size() - kService.size() - begin);
  }
  return "NAME";
}

/// A socket unit cannot be started while its service runs.
std::string how_to_pass_one() {
  return fmt::format(
      "the service manager has passed no socket: the socket unit has to be started before the "
      "service, \"systemctl stop {0}.service; systemctl start {0}.socket {0}.service\"",
      service_name());
}

/// Removes the variable from the environment.
std::optional<std::string> take_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string taken = value;
  ::unsetenv(name);
  return taken;
}

[[noreturn]] void throw_error(int code, const std::string& what) {
  throw std::system_error(code, std::generic_category(),
                          "cannot take the sockets that the service manager passes: " + what);
}

std::uint64_t to_number(const char* name, const std::string& value) {
  if (const auto number = support::whole_number(value)) return *number;
  throw_error(EINVAL, fmt::format("{}={}", name, value));
}

/// How many were passed to this process. Those of its parent, as LISTEN_PID tells, do not count.
std::uint64_t count_passed(const std::optional<std::string>& process,
                           const std::optional<std::string>& count) {
  if (!process || !count) return 0;
  if (to_number("LISTEN_PID", *process) != static_cast<std::uint64_t>(::getpid())) return 0;
  return to_number("LISTEN_FDS", *count);
}

std::vector<std::string> split_names(std::string_view joined) {
  std::vector<std::string> names;
  for (std::size_t end = 0; (end = joined.find(':')) != joined.npos;
       joined.remove_prefix(end + 1)) {
    names.emplace_back(joined.substr(0, end));
  }
  names.emplace_back(joined);
  return names;
}

support::UniqueFd take_descriptor(std::uint64_t index) {
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START of sd_listen_fds(3)
  const int fd = kFirst + static_cast<int>(index);
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags < 0 || ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC) != 0) {
    throw_error(errno, fmt::format("LISTEN_FDS counts descriptor {}", fd));
  }
  return support::UniqueFd(fd);
}

}  // namespace

PassedSockets PassedSockets::receive() {
  const auto process = take_variable("LISTEN_PID");
  const auto count = take_variable("LISTEN_FDS");
  const auto joined = take_variable("LISTEN_FDNAMES");
  PassedSockets sockets;
  const std::uint64_t passed = count_passed(process, count);
  for (std::uint64_t i = 0; i < passed; ++i) {
    sockets.passed_.push_back({take_descriptor(i), "unknown"});
  }
  if (passed == 0 || !joined) return sockets;
  std::vector<std::string> names = split_names(*joined);
  if (names.size() != passed) throw_error(EINVAL, "LISTEN_FDNAMES=" + *joined);
  for (std::size_t i = 0; i < passed; ++i) sockets.passed_[i].name = std::move(names[i]);
  return sockets;
}

std::vector<ListeningSocket> PassedSockets::take(const PassedName& wanted) {
  std::vector<ListeningSocket> taken;
  std::vector<Passed> others;
  for (Passed& passed : passed_) {
    if (wanted.name.empty() || passed.name == wanted.name) {
      taken.push_back(ListeningSocket::adopt(std::move(passed.fd), passed.name));
    } else {
      others.push_back(std::move(passed));
    }
  }
  passed_ = std::move(others);
  if (!taken.empty()) return taken;
  std::string there;
  for (const std::string& name : left()) there += (there.empty() ? "" : ", ") + name;
  throw std::invalid_argument(fmt::format(
      "{}: {}", to_string(wanted),
      there.empty() ? how_to_pass_one()
                    : fmt::format("the service manager has passed only {}; is the socket unit "
                                  "started, and its FileDescriptorName= the same?",
                                  there)));
}

void PassedSockets::put_back(support::UniqueFd fd, std::string name) {
  passed_.push_back({std::move(fd), std::move(name)});
}

std::vector<std::string> PassedSockets::left() const {
  std::vector<std::string> names;
  for (const Passed& passed : passed_) names.push_back(passed.name);
  return names;
}

}  // namespace appd::sockets
