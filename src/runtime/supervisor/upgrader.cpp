// Tries the new program and executes it.

#include "runtime/supervisor/upgrader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "runtime/supervisor/descriptions.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUpgradeState = "APPD_UPGRADE_STATE";
/// An option and no variable: a program that does not know it refuses to start.
constexpr const char* kTrial = "--upgrade-trial";

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return fs::absolute(name);
  const char* const path = std::getenv("PATH");
  std::string_view left = path ? path : "";
  while (!left.empty()) {
    const std::string_view folder = left.substr(0, left.find(':'));
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return fs::absolute(candidate);
    left.remove_prefix(std::min(folder.size() + 1, left.size()));
  }
  return "/proc/self/exe";
}

std::vector<char*> pointers_to(std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What a child writes until it ends, or until the time is over.
std::string read_until_end(const support::UniqueFd& pipe, std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  std::string text;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waited{pipe.get(), POLLIN, 0};
    const int found = ::poll(&waited, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return text;
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Upgrader::Upgrader(int argc, char** argv, std::chrono::milliseconds trial_time)
    : arguments_(argv, argv + argc),
      program_(find_program(arguments_.at(0))),
      trial_time_(trial_time) {}

std::string Upgrader::become(const UpgradeState& upgrade_state) const {
  const support::UniqueFd file = store(upgrade_state);
  const std::string number = std::to_string(file.get());
  if (::setenv(kUpgradeState, number.c_str(), 1) != 0) return "no memory";
  keep_over_exec(upgrade_state, file, true);
  std::string refusal = try_it();
  if (refusal.empty()) {
    std::vector<std::string> arguments = arguments_;
    ::execv(program_.c_str(), pointers_to(arguments).data());
    refusal = fmt::format("{}: {}", program_, std::strerror(errno));
  }
  keep_over_exec(upgrade_state, file, false);
  ::unsetenv(kUpgradeState);
  return refusal;
}

/// "" if the program would start.
std::string Upgrader::try_it() const {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::strerror(errno);
  const support::UniqueFd read_end(ends[0]);
  support::UniqueFd write_end(ends[1]);
  std::vector<std::string> arguments = arguments_;
  arguments.insert(arguments.begin() + 1, kTrial);
  const std::vector<char*> pointers = pointers_to(arguments);
  const pid_t child = ::fork();
  if (child < 0) return std::strerror(errno);
  if (child == 0) {
    ::dup2(write_end.get(), STDERR_FILENO);
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::execv(program_.c_str(), pointers.data());
    const std::string why = fmt::format("{}: {}", program_, std::strerror(errno));
    if (::write(STDERR_FILENO, why.data(), why.size()) < 0) ::_exit(2);
    ::_exit(1);
  }
  write_end.reset();
  const std::string said = read_until_end(read_end, trial_time_);
  ::kill(child, SIGKILL);  // does nothing if it has ended by itself
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return fmt::format("{} does not start: it {}{}{}", program_, describe_exit(status),
                     said.empty() ? "" : ": ", said);
}

Inherited take_inherited(int& argc, char** argv) noexcept {
  Inherited inherited;
  if (argc > 1 && std::strcmp(argv[1], kTrial) == 0) {
    inherited.trial = true;
    for (int i = 1; i < argc; ++i) argv[i] = argv[i + 1];
    --argc;
  }
  if (const char* number = std::getenv(kUpgradeState)) {
    inherited.file.reset(std::atoi(number));
    ::unsetenv(kUpgradeState);
  }
  return inherited;
}

}  // namespace appd::supervisor
