// Reads the sockets of systemd's socket activation.

#include "runtime/sockets/passed_sockets.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

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

}  // namespace

PassedSockets PassedSockets::receive() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  if (count < 0) {
    throw std::system_error(-count, std::generic_category(),
                            "cannot take the sockets that the service manager passes");
  }
  PassedSockets sockets;
  for (int i = 0; i < count; ++i) {
    sockets.passed_.push_back({support::UniqueFd(SD_LISTEN_FDS_START + i), names[i]});
    std::free(names[i]);
  }
  std::free(names);
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
