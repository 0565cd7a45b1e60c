// Takes what the master has handed over, and lives as the worker, zygote or check that it is to be.

#include "worker_program/worker_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/config/settings_builder.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/crash_files.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/launch/worker_start.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/logging/log.hpp"
#include "runtime/net/spool_file.hpp"
#include "runtime/peers/inboxes.hpp"
#include "runtime/python/interpreter.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/heaps.hpp"
#include "runtime/support/process_title.hpp"
#include "runtime/support/version.hpp"
#include "runtime/support/worker_signals.hpp"
#include "runtime/worker/worker.hpp"
#include "runtime/worker/zygote.hpp"

namespace appd {
namespace {

using launch::Role;
using launch::WorkerStart;
using support::UniqueFd;
namespace exit_code = support::exit_code;

std::string worker_role(unsigned index) {
  return fmt::format("worker {}", index + 1);
}

gateway::Level threshold(const config::Settings& settings) {
  return logging::parse_level(settings.log_level).value_or(gateway::Level::info);
}

std::string program_of(const WorkerStart& start) {
  return fmt::format("{}, CPython {}", start.program, python::interpreter_version());
}

std::vector<UniqueFd> take(const std::vector<int>& descriptors) {
  return {descriptors.begin(), descriptors.end()};
}

peers::ConnectionChannel take(const WorkerStart::Channel& channel) {
  return {UniqueFd(channel.in), UniqueFd(channel.out)};
}

std::vector<peers::ConnectionChannel> take(const std::vector<WorkerStart::Channel>& channels) {
  std::vector<peers::ConnectionChannel> taken;
  taken.reserve(channels.size());
  for (const auto& channel : channels) taken.push_back(take(channel));
  return taken;
}

sockets::Admission make_admission(const WorkerStart& start) {
  sockets::Admission admission;
  admission.networks = start.settings.allow;
  if (start.settings.allow_from_environment) admission.networks_by = config::kWebServers;
  admission.users = start.allowed_users;
  return admission;
}

/// A process of a generation: a worker, or a zygote with the workers that it forks.
class GenerationProcess {
 public:
  /// Takes the descriptors of the start. Throws std::exception.
  explicit GenerationProcess(const WorkerStart& start)
      : start_(start),
        settings_(start_.settings),
        admission_(make_admission(start)),
        sockets_(take(start.sockets)),
        http_sockets_(take(start.http_sockets)),
        access_log_(open_access_log()),
        log_(threshold(settings_), "", access_log_ ? &*access_log_ : nullptr),
        scoreboard_(UniqueFd(start.scoreboard), start.places, settings_.threads),
        inboxes_(take(start.inboxes)),
        handover_queue_(take(start.handover)),
        crash_files_(take(start.crash_files)) {}

  int run(ipc::WorkerLink link) noexcept {
    int code = exit_code::kFailure;
    try {
      code =
          start_.role == Role::zygote ? run_zygote(std::move(link)) : run_worker(std::move(link));
    } catch (const std::exception& error) {
      log_.report(gateway::LogEvent::worker_failed, error.what());
    }
    log_.finish();
    return code;
  }

 private:
  std::optional<logging::AccessLog> open_access_log() const {
    if (start_.access_log < 0) return std::nullopt;
    return std::optional<logging::AccessLog>(std::in_place, UniqueFd(start_.access_log),
                                             settings_.access_log_format);
  }

  int run_worker(ipc::WorkerLink link) {
    enter(worker_role(start_.index));
    crash_files_.enter(0);
    return live_as_worker(start_.index, std::move(link), nullptr);
  }

  int run_zygote(ipc::WorkerLink link) {
    enter("zygote");
    name_program(link);
    crash_files_.enter(start_.places);
    return worker::run_zygote(
        settings_, crash_files_, log_, std::move(link),
        [this](unsigned index, ipc::WorkerLink own, worker::Preloaded preloaded) {
          enter(worker_role(index));
          if (!start_.dumpable) support::set_dumpable(support::Dumpable::yes);
          return live_as_worker(index, std::move(own), std::move(preloaded));
        });
  }

  void enter(const std::string& role) {
    log_.set_role(role);
    support::set_process_title(fmt::format("appd: {} {}", role, settings_.module));
  }

  void name_program(ipc::WorkerLink& link) const {
    link.send({ipc::WorkerMessage::Kind::program, {}, program_of(start_)});
  }

  int live_as_worker(unsigned index, ipc::WorkerLink link, worker::Preloaded preloaded) {
    name_program(link);
    crash_files_.close_others_after_fork();
    return worker::run_worker({settings_, admission_, sockets_, http_sockets_,
                               scoreboard_.worker(index), index, scoreboard_.loads(), inboxes_,
                               handover_queue_, crash_files_.descriptor(), log_, development()},
                              std::move(link), std::move(preloaded));
  }

  /// The descriptors stay open until the process ends.
  std::optional<python::DevelopmentOptions> development() const {
    if (!settings_.development) return std::nullopt;
    const launch::DevelopmentStart& given = start_.development;
    const bool opens = settings_.open_browser && given.stands_in;
    return python::DevelopmentOptions{given.failure, given.reports, given.stands_in, given.pages,
                                      opens ? given.url : ""};
  }

  const WorkerStart start_;
  const config::Settings& settings_;
  const sockets::Admission admission_;
  std::vector<UniqueFd> sockets_;
  std::vector<UniqueFd> http_sockets_;
  std::optional<logging::AccessLog> access_log_;
  logging::Log log_;
  ipc::Scoreboard scoreboard_;
  const peers::Inboxes inboxes_;
  const peers::HandoverQueue handover_queue_;
  ipc::CrashFiles crash_files_;
};

/// As the workers' user: what only that user can see.
int check(const WorkerStart& start) {
  if (!net::open_spool_file(start.settings.spool_dir)) {
    fmt::print(stderr, "appd: --spool-dir: user {} cannot create a file in {}: {}\n",
               support::user_name(::geteuid()), start.settings.spool_dir, std::strerror(errno));
    return exit_code::kConfiguration;
  }
  logging::Log log(threshold(start.settings), "check");
  fmt::print("workers run {}\n", program_of(start));
  const int code = worker::check_application(start.settings, log);
  log.finish();
  return code;
}

int print_version(const WorkerStart& start) {
  fmt::print("{}: appd {}, CPython {}\n", start.program, APPD_VERSION,
             python::interpreter_version());
  return exit_code::kOk;
}

/// The master waits for the process that it has forked, and for no child of it.
void check_process(const WorkerStart& start) {
  if (start.pid == ::getpid()) return;
  throw std::runtime_error(
      fmt::format("{} is no Python, but starts one as another process (a script must end with "
                  "\"exec\")",
                  start.program));
}

int live(const WorkerStart& start, ipc::WorkerLink& link,
         const std::function<void()>& start_python) {
  check_process(start);
  launch::for_each_descriptor(start, [](int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); });
  start_python();
  python::leave_interrupts_to_the_system();
  if (start.role == Role::version) return print_version(start);
  if (start.role == Role::check) return check(start);
  // What follows is not for other processes of the same user to look into: a zygote passes on the
  // links of its workers.
  if (!start.dumpable) support::set_dumpable(support::Dumpable::no);
  ::prctl(PR_SET_NAME, "appd-worker");
  support::share_heaps();
  support::keep_environment();
  support::enter_worker_signals();
  // Never destroyed: to close what lies in a queue may take long, and the end of a process does not
  // wait for it.
  auto* const process = std::make_unique<GenerationProcess>(start).release();
  return process->run(std::move(link));
}

/// The master logs it for a process that has a link.
int fail(ipc::WorkerLink& link, const std::string& why) {
  if (link.fd() < 0) {
    fmt::print(stderr, "appd: {}\n", why);
  } else {
    link.send({ipc::WorkerMessage::Kind::failed, ipc::StartStep::start_interpreter, why});
  }
  return exit_code::kStart;
}

std::string refusal_of(const std::string& version) {
  return fmt::format(
      "the worker is of appd {0}, and its master of appd {1}: run `appd upgrade` if appd was "
      "installed anew, else install appd {1} for this Python",
      APPD_VERSION, version);
}

int run(UniqueFd start_file, const std::function<void()>& start_python) {
  const launch::StartHead head = launch::load_start_head(start_file);
  ipc::WorkerLink link{UniqueFd(head.link)};
  if (head.version != APPD_VERSION) return fail(link, refusal_of(head.version));
  try {
    const WorkerStart start = launch::load_worker_start(start_file);
    start_file.reset();
    return live(start, link, start_python);
  } catch (const std::exception& error) {
    return fail(link, error.what());
  }
}

}  // namespace

void run_worker_program(int start_file, const std::function<void()>& start_python) noexcept {
  int code = exit_code::kStart;
  try {
    code = run(UniqueFd(start_file), start_python);
  } catch (const std::exception& error) {
    fmt::print(stderr, "appd: {}\n", error.what());
  }
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace appd
