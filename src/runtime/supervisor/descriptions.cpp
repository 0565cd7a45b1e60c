// Words for exit codes, signals and their senders.

#include "runtime/supervisor/descriptions.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "runtime/logging/line.hpp"
#include "runtime/support/exit_code.hpp"

namespace appd::supervisor {
namespace {

// glibc has them only from 2.32 on, and musl not at all.
constexpr std::array<std::pair<int, const char*>, 31> kSignals{
    {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},       {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
     {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},     {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
     {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},     {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
     {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},     {SIGTERM, "SIGTERM"}, {SIGSTKFLT, "SIGSTKFLT"},
     {SIGCHLD, "SIGCHLD"}, {SIGCONT, "SIGCONT"},     {SIGSTOP, "SIGSTOP"}, {SIGTSTP, "SIGTSTP"},
     {SIGTTIN, "SIGTTIN"}, {SIGTTOU, "SIGTTOU"},     {SIGURG, "SIGURG"},   {SIGXCPU, "SIGXCPU"},
     {SIGXFSZ, "SIGXFSZ"}, {SIGVTALRM, "SIGVTALRM"}, {SIGPROF, "SIGPROF"}, {SIGWINCH, "SIGWINCH"},
     {SIGPOLL, "SIGPOLL"}, {SIGPWR, "SIGPWR"},       {SIGSYS, "SIGSYS"}}};

}  // namespace

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

std::string describe_requests(std::span<const ipc::RunningRequest> requests) {
  logging::Line line;
  std::string_view separator;
  for (const ipc::RunningRequest& request : requests) {
    fmt::format_to(std::back_inserter(line), "{}", separator);
    logging::append_text(line, request.text);
    fmt::format_to(std::back_inserter(line), " (thread {}, {})", request.thread,
                   describe_duration(request.age));
    separator = ", ";
  }
  return fmt::to_string(line);
}

std::string describe_duration(std::chrono::nanoseconds duration) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
}

std::string describe_workers(unsigned workers) {
  return fmt::format("{} worker{}", workers, workers == 1 ? "" : "s");
}

std::string describe_signal(int signal) {
  for (const auto& [number, name] : kSignals) {
    if (number == signal) return name;
  }
  if (signal >= SIGRTMIN && signal <= SIGRTMAX)
    return fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
  return fmt::format("signal {}", signal);
}

std::string describe_sender(const support::ReceivedSignal& signal) {
  if (signal.sender == 0) return "sent by the kernel";
  std::string name;
  std::ifstream comm(fmt::format("/proc/{}/comm", signal.sender));
  const bool known = static_cast<bool>(std::getline(comm, name));  // it may have ended
  return fmt::format("sent by process {}{}, user {}", signal.sender,
                     known ? fmt::format(" ({})", name) : "", signal.user);
}

}  // namespace appd::supervisor
