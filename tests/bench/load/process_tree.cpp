// Reads CPU time and memory of processes from /proc.

#include "bench/load/process_tree.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace appd::load {
namespace {

using std::chrono::nanoseconds;

nanoseconds tick() {
  static const nanoseconds length = nanoseconds(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK);
  return length;
}

struct Stat {
  bool ended;  // and not waited for: a zombie
  pid_t parent;
  nanoseconds reaped;
};

/// Fields 3, 4, 16 and 17 of /proc/PID/stat (proc(5)); nothing when the process has gone.
std::optional<Stat> read_stat(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // Field 2, the name, is in parentheses and may hold anything, also spaces and parentheses.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  char state = 0;
  std::string skipped;
  Stat stat{};
  fields >> state >> stat.parent;
  stat.ended = state == 'Z';
  for (int field = 5; field < 16; ++field) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  if (!fields) throw std::runtime_error(fmt::format("/proc/{}/stat cannot be understood", pid));
  stat.reaped = (user + system) * tick();
  return stat;
}

std::optional<nanoseconds> cpu_clock(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

std::map<pid_t, Stat> all_processes() {
  std::map<pid_t, Stat> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (const auto stat = read_stat(pid)) all.emplace(pid, *stat);
  }
  return all;
}

std::vector<pid_t> family(pid_t root, const std::map<pid_t, Stat>& all) {
  std::vector<pid_t> members;
  if (all.contains(root)) members.push_back(root);
  for (std::size_t next = 0; next < members.size(); ++next) {
    for (const auto& [pid, stat] : all) {
      if (stat.parent == members[next]) members.push_back(pid);
    }
  }
  return members;
}

std::uint64_t read_pss_kib(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/smaps_rollup", pid);
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    std::uint64_t kib = 0;
    if (word == "Pss:" && file >> kib) return kib;
  }
  throw std::runtime_error(fmt::format("no Pss in {}", path));
}

}  // namespace

ProcessTree ProcessTree::measure(pid_t root) {
  ProcessTree tree;
  const auto all = all_processes();
  for (pid_t pid : family(root, all)) {
    if (const auto used = cpu_clock(pid)) {
      tree.processes_.emplace(pid, Process{*used, all.at(pid).reaped, all.at(pid).ended});
    }
  }
  if (!tree.processes_.contains(root)) {
    throw std::runtime_error(fmt::format("there is no process {}", root));
  }
  return tree;
}

nanoseconds ProcessTree::cpu_since(const ProcessTree& before) const {
  const nanoseconds between = total() - before.total();
  nanoseconds newly_reaped{};
  nanoseconds ended{};
  for (const auto& [pid, then] : before.processes_) {
    if (const auto now = processes_.find(pid); now != processes_.end()) {
      newly_reaped += now->second.reaped - then.reaped;
    } else {
      // User and system time are reaped as whole ticks, each rounded down.
      ended += std::max(then.used + then.reaped - 2 * tick(), nanoseconds(0));
    }
  }
  if (newly_reaped < ended) {
    throw std::runtime_error("a process of the server ended, and nothing tells its CPU time");
  }
  return between;
}

std::uint64_t ProcessTree::pss_kib() const {
  std::uint64_t sum = 0;
  for (const auto& [pid, process] : processes_) {
    if (!process.ended) sum += read_pss_kib(pid);
  }
  return sum;
}

std::size_t ProcessTree::running() const {
  const auto runs = [](const auto& entry) { return !entry.second.ended; };
  return static_cast<std::size_t>(std::count_if(processes_.begin(), processes_.end(), runs));
}

nanoseconds ProcessTree::total() const {
  nanoseconds sum{};
  for (const auto& [pid, process] : processes_) sum += process.used + process.reaped;
  return sum;
}

}  // namespace appd::load
