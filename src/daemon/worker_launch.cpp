// Chooses and executes worker programs.

#include "daemon/worker_launch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/bootstrap.hpp"
#include "daemon/setting_values.hpp"
#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/service_manager.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/privileges.hpp"
#include "runtime/support/throw_errno.hpp"
#include "runtime/support/version.hpp"

namespace appd {
namespace {

namespace fs = std::filesystem;
using ipc::StartStep;
using ipc::WorkerMessage;
using launch::WorkerStart;

/// The folder of this program's file.
fs::path own_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// What was installed with this program for it to execute; "" if nothing was.
fs::path libexec_folder() {
  for (const char* where : {"../" APPD_LIBEXEC "/appd", "libexec"}) {
    fs::path folder = (own_folder() / where).lexically_normal();
    if (is_there(folder / "appd-worker")) return folder;
  }
  return {};
}

/// The Python whose pip has installed this program.
fs::path own_python() {
  fs::path beside = own_folder() / "python";
  if (is_there(beside)) return beside;
  for (const char* other : {"/usr/local/bin/" APPD_PYTHON_NAME, "/usr/bin/" APPD_PYTHON_NAME}) {
    if (is_there(other)) return other;  // `pip install --user`, or a system's pip
  }
  return beside;
}

std::vector<std::string> arguments_of(const WorkerProgram& program, int start_file, int link) {
  if (!program.is_python) return {program.path, std::to_string(start_file)};
  return {program.path,
          "-c",
          kBootstrap,
          std::to_string(start_file),
          std::to_string(link),
          fmt::format("{:02x}{:02x}", static_cast<int>(WorkerMessage::Kind::failed),
                      static_cast<int>(StartStep::start_interpreter)),
          program.package,
          APPD_VERSION};
}

[[noreturn]] void execute(const WorkerProgram& program, const WorkerStart& start) {
  const support::UniqueFd file = store(start);
  const auto keep = [](int fd) { ::fcntl(fd, F_SETFD, 0); };
  keep(file.get());
  for_each_descriptor(start, keep);
  std::vector<std::string> arguments = arguments_of(program, file.get(), start.link);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv(program.path.c_str(), pointers.data());
  const int error = errno;
  throw std::system_error(
      error, std::system_category(),
      fmt::format("user {} cannot execute {}", support::user_name(::geteuid()), program.path));
}

void take_rights(const config::Settings& settings, const std::optional<support::Account>& account) {
  set_umask(settings);
  if (settings.no_new_privs) {
    support::forbid_new_privileges();
    if (account) support::empty_bounding_set();
  }
  if (account) support::become(*account);
}

/// Enters --chdir and sets --env.
void enter_environment(const config::Settings& settings) {
  if (!settings.chdir.empty() && ::chdir(settings.chdir.c_str()) != 0) {
    const int error = errno;
    throw std::system_error(error, std::system_category(),
                            fmt::format("user {} cannot enter --chdir {}",
                                        support::user_name(::geteuid()), settings.chdir));
  }
  supervisor::ServiceManager::drop_variables();
  for (const auto& [name, value] : settings.env) ::setenv(name.c_str(), value.c_str(), 1);
}

/// To the master, or to whoever has asked for a check.
void tell(ipc::WorkerLink& link, StartStep step, const std::string& why) {
  if (link.fd() < 0) {
    fmt::print(stderr, "appd: {}\n", why);
  } else {
    link.send({WorkerMessage::Kind::failed, step, why});
  }
}

}  // namespace

WorkerProgram WorkerProgram::choose(const config::Settings& settings) {
  const fs::path libexec = libexec_folder();
  const std::string package = libexec.empty() ? "" : libexec / "python";
  if (!settings.python.empty()) return {settings.python, true, package};
  if (!settings.virtualenv.empty()) {
    return {fs::path(settings.virtualenv) / "bin/python", true, package};
  }
  if (!libexec.empty()) return {libexec / "appd-worker", false};
  return {own_python(), true};
}

int become_worker(const WorkerProgram& program, const config::Settings& settings,
                  const std::optional<support::Account>& account, WorkerStart start,
                  ipc::WorkerLink& link) noexcept {
  StartStep step = StartStep::enter_directory;
  const auto begin = [&](StartStep next) {
    step = next;
    if (link.fd() >= 0) link.send({WorkerMessage::Kind::step, step, {}});
  };
  try {
    begin(StartStep::enter_directory);
    take_rights(settings, account);
    if (link.fd() < 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a worker ends with its link
    enter_environment(settings);
    begin(StartStep::start_interpreter);
    start.program = program.path;
    start.pid = ::getpid();
    start.link = link.fd();
    execute(program, start);
  } catch (const std::exception& error) {
    tell(link, step, error.what());
  }
  return support::exit_code::kStart;
}

launch::WorkerStart make_worker_start(const config::Settings& settings, launch::Role role) {
  WorkerStart start;
  start.role = role;
  start.settings = settings;
  start.settings.spool_dir = spool_folder(settings);
  return start;
}

int run_worker_program(const config::Settings& settings,
                       const std::optional<support::Account>& account, launch::Role role) {
  const WorkerProgram program = WorkerProgram::choose(settings);
  WorkerStart start = make_worker_start(settings, role);
  std::signal(SIGCHLD, SIG_DFL);  // were it ignored, nobody would learn how the program ends
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) support::throw_errno("fork");
  if (child == 0) {
    ipc::WorkerLink none;
    ::_exit(become_worker(program, settings, account, std::move(start), none));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) support::throw_errno("waitpid");
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fmt::print(stderr, "appd: {} {}\n", program.path, supervisor::describe_exit(status));
  return support::exit_code::kStart;
}

}  // namespace appd
