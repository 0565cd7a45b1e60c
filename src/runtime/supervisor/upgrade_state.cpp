// Writes descriptors and their meaning as lines of text, and reads them back.

#include "runtime/supervisor/upgrade_state.hpp"

#include <fcntl.h>

#include <iomanip>
#include <istream>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "runtime/support/field_file.hpp"
#include "runtime/support/memory_file.hpp"

namespace appd::supervisor {
namespace {

// Each thing has a line: its kind, its numbers, and its quoted name if it has one. The first line
// names the format. The program that is replaced writes it and may be older. So a format that
// changes gets another number, and the new program refuses what it does not know.
constexpr std::string_view kFormat = "appd-upgrade-4";

void write(std::ostream& out, const UpgradeState& upgrade_state) {
  out << kFormat << '\n';
  out << "generation " << upgrade_state.generation << '\n';
  out << "heartbeat " << upgrade_state.heartbeat.count() << '\n';
  out << "handover " << upgrade_state.handover_in << ' ' << upgrade_state.handover_out << '\n';
  out << "pid-file " << upgrade_state.pid_file << '\n';
  out << "control " << upgrade_state.control << '\n';
  for (const int fd : upgrade_state.callers) out << "caller " << fd << '\n';
  for (const auto& worker : upgrade_state.workers) {
    out << "worker " << worker.index << ' ' << worker.pid << ' ' << worker.link << ' '
        << worker.ready << ' ' << worker.retired << ' ' << worker.exiting << ' ' << worker.inbox
        << '\n';
  }
  for (const auto& socket : upgrade_state.sockets) {
    out << "socket " << socket.fd << ' ' << socket.owns_file << ' ' << std::quoted(socket.address)
        << '\n';
  }
  for (const auto& passed : upgrade_state.passed) {
    out << "passed " << passed.fd << ' ' << std::quoted(passed.name) << '\n';
  }
  out << "end\n";
}

const support::FieldReaders<UpgradeState>& readers() {
  static const support::FieldReaders<UpgradeState> all{
      {"generation", [](std::istream& in, UpgradeState& into) { in >> into.generation; }},
      {"heartbeat",
       [](std::istream& in, UpgradeState& into) {
         std::chrono::nanoseconds::rep count = 0;
         in >> count;
         into.heartbeat = std::chrono::nanoseconds(count);
       }},
      {"handover",
       [](std::istream& in, UpgradeState& into) { in >> into.handover_in >> into.handover_out; }},
      {"pid-file", [](std::istream& in, UpgradeState& into) { in >> into.pid_file; }},
      {"control", [](std::istream& in, UpgradeState& into) { in >> into.control; }},
      {"caller", [](std::istream& in, UpgradeState& into) { in >> into.callers.emplace_back(); }},
      {"worker",
       [](std::istream& in, UpgradeState& into) {
         UpgradeState::Worker& worker = into.workers.emplace_back();
         in >> worker.index >> worker.pid >> worker.link >> worker.ready >> worker.retired >>
             worker.exiting >> worker.inbox;
       }},
      {"socket",
       [](std::istream& in, UpgradeState& into) {
         UpgradeState::Socket& socket = into.sockets.emplace_back();
         in >> socket.fd >> socket.owns_file >> std::quoted(socket.address);
       }},
      {"passed",
       [](std::istream& in, UpgradeState& into) {
         UpgradeState::Passed& passed = into.passed.emplace_back();
         in >> passed.fd >> std::quoted(passed.name);
       }},
  };
  return all;
}

UpgradeState read(std::istream& in) {
  std::string kind;
  if (!(in >> kind) || kind != kFormat) throw std::runtime_error("unknown format");
  UpgradeState upgrade_state;
  support::read_fields(in, readers(), upgrade_state);
  return upgrade_state;
}

void set_close_on_exec(int fd, bool close) noexcept {
  if (fd >= 0) ::fcntl(fd, F_SETFD, close ? FD_CLOEXEC : 0);
}

}  // namespace

support::UniqueFd store(const UpgradeState& upgrade_state) {
  std::ostringstream text;
  write(text, upgrade_state);
  return support::make_memory_file("appd-upgrade", text.str());
}

UpgradeState load_upgrade_state(const support::UniqueFd& file) {
  return support::read_memory_file(file, "the upgrade state of the previous appd", read);
}

void keep_over_exec(const UpgradeState& upgrade_state, const support::UniqueFd& file,
                    bool keep) noexcept {
  for (const int fd : {file.get(), upgrade_state.handover_in, upgrade_state.handover_out,
                       upgrade_state.pid_file, upgrade_state.control}) {
    set_close_on_exec(fd, !keep);
  }
  for (const auto& worker : upgrade_state.workers) {
    set_close_on_exec(worker.link, !keep);
    set_close_on_exec(worker.inbox, !keep);
  }
  for (const auto& socket : upgrade_state.sockets) set_close_on_exec(socket.fd, !keep);
  for (const auto& passed : upgrade_state.passed) set_close_on_exec(passed.fd, !keep);
  for (const int fd : upgrade_state.callers) set_close_on_exec(fd, !keep);
}

}  // namespace appd::supervisor
