// Runs a master in a child process and reads its log lines.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_deployment.hpp"
#include "fake_service.hpp"
#include "fakes/log_fields.hpp"
#include "inherited_workers.hpp"
#include "master_options.hpp"
#include "pipe_reporter.hpp"
#include "runtime/supervisor/master.hpp"
#include "runtime/support/signals.hpp"
#include "scripted_workers.hpp"

namespace appd::supervisor {

using test::Fields;

/// How an age of less than a second begins.
inline constexpr std::string_view kBelowASecond = "0.";

/// The process that a line names: 4711 of "worker 1 (pid 4711)".
inline pid_t pid_in(const std::string& line) {
  return static_cast<pid_t>(std::stol(line.substr(line.find("pid ") + 4)));
}
/// How it is named.
inline std::string named(pid_t pid) {
  return "pid " + std::to_string(pid);
}

/// A master in a process of its own, whose log the test reads. Every process of it holds the log's
/// pipe open, so that the pipe's end proves that none is left.
class Supervised {
 public:
  static constexpr std::chrono::seconds kPatience{30};

  Supervised(MasterOptions options, unsigned threads,
             std::function<int(unsigned, ipc::WorkerLink, ipc::Scoreboard&)> worker,
             std::function<void()> on_ready = nullptr)
      : Supervised(
            options, threads,
            [worker = std::move(worker), broken = options.broken_worker](FakeDeployment& deployment,
                                                                         bool first) {
              deployment.worker = [=, board = deployment.board](unsigned index,
                                                                ipc::WorkerLink link) {
                ::alarm(120);
                if (!first && broken == index) return fail(std::move(link));
                return worker(index, std::move(link), *board);
              };
            },
            std::move(on_ready)) {}

  /// With a zygote.
  Supervised(MasterOptions options, std::function<int(ipc::WorkerLink, ipc::Scoreboard&)> zygote)
      : Supervised(
            options, 1,
            [zygote = std::move(zygote)](FakeDeployment& deployment, bool) {
              deployment.numbers.origin = Origin::zygote;
              deployment.zygote = [zygote, board = deployment.board](ipc::WorkerLink link) {
                ::alarm(120);
                return zygote(std::move(link), *board);
              };
            },
            nullptr) {}

  ~Supervised() {
    if (!pid_) return;
    ::kill(*pid_, SIGKILL);
    ::waitpid(*pid_, nullptr, 0);
  }
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  pid_t pid() const { return pid_.value(); }
  void send(int signal) { REQUIRE(::kill(pid_.value(), signal) == 0); }

  /// Waits for the first line not yet waited for that tells this event and names all of `fields`.
  /// Returns its text.
  std::string wait_for(gateway::LogEvent event, Fields fields = {}) {
    const std::string head = PipeReporter::head_of(event);
    return wait_until([&](std::string_view line) { return is_told(line, head, fields); },
                      head + list(fields));
  }
  /// The same of one of two events.
  std::string wait_for_either(gateway::LogEvent one, gateway::LogEvent other, Fields fields) {
    const std::string head = PipeReporter::head_of(one);
    const std::string head_of_other = PipeReporter::head_of(other);
    return wait_until(
        [&](std::string_view line) {
          return is_told(line, head, fields) || is_told(line, head_of_other, fields);
        },
        head + "or " + head_of_other + list(fields));
  }
  /// The same of a line of the test's own.
  std::string wait_for_note(std::string_view note) {
    return wait_until([&](std::string_view line) { return is_note(line, note); }, note);
  }
  /// Until all workers of the first generation are ready.
  void wait_for_start() { wait_for_note("on_ready"); }

  /// The master's exit code, once no process holds the log any more; −1 when it did not exit.
  int wait_for_end() {
    while (read_more()) {
    }
    REQUIRE_MESSAGE(ended_, "processes are left, log so far:\n", text());
    int status = 0;
    REQUIRE(::waitpid(std::exchange(pid_, std::nullopt).value(), &status, 0) > 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// Of all lines read so far.
  unsigned count(gateway::LogEvent event, Fields fields = {}) const {
    return count_told(lines_.size(), event, fields);
  }
  unsigned count_notes(std::string_view note) const { return count_notes(lines_.size(), note); }
  /// The events of at least that level.
  unsigned count(gateway::Level least, Fields fields = {}) const {
    unsigned all = 0;
    for (std::size_t event = 0; event < gateway::kLogEvents; ++event) {
      const auto each = static_cast<gateway::LogEvent>(event);
      if (facts(each).level >= least) all += count(each, fields);
    }
    return all;
  }
  /// Counts only up to the event that was waited for last; more may have been read.
  unsigned count_so_far(gateway::LogEvent event, Fields fields = {}) const {
    return count_told(next_, event, fields);
  }
  unsigned count_notes_so_far(std::string_view note) const { return count_notes(next_, note); }
  /// The ends of processes.
  unsigned count_ends_so_far() const {
    using enum gateway::LogEvent;
    return count_so_far(worker_stopped) + count_so_far(worker_exited) + count_so_far(worker_died);
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines_) all += line + "\n";
    return all;
  }

 private:
  static bool is_told(std::string_view line, std::string_view head, Fields fields) {
    return line.starts_with(head) && test::has_fields(line.substr(head.size()), fields);
  }
  static std::string list(Fields fields) {
    std::string text;
    for (const std::string_view field : fields) text.append(field).append("; ");
    return text;
  }
  static bool is_note(std::string_view line, std::string_view note) {
    return is_told(line, PipeReporter::kNote, {note});
  }

  /// Waits for the first line not yet waited for that is wanted. Returns its text.
  template <typename IsWanted>
  std::string wait_until(IsWanted is_wanted, std::string_view what) {
    for (;;) {
      for (; next_ < lines_.size(); ++next_) {
        if (!is_wanted(lines_[next_])) continue;
        const std::string& line = lines_[next_++];
        return line.substr(line.find(": ") + 2);
      }
      if (!read_more()) break;
    }
    FAIL("no such line: ", what, "\nin:\n", text());
    return {};
  }

  /// Of so many first lines.
  template <typename IsWanted>
  unsigned count_if(std::size_t lines, IsWanted is_wanted) const {
    const auto end = lines_.begin() + static_cast<std::ptrdiff_t>(lines);
    return static_cast<unsigned>(std::count_if(lines_.begin(), end, is_wanted));
  }
  unsigned count_told(std::size_t lines, gateway::LogEvent event, Fields fields) const {
    const std::string head = PipeReporter::head_of(event);
    return count_if(lines, [&](std::string_view line) { return is_told(line, head, fields); });
  }
  unsigned count_notes(std::size_t lines, std::string_view note) const {
    return count_if(lines, [&](std::string_view line) { return is_note(line, note); });
  }

  Supervised(MasterOptions options, unsigned threads, Fill fill, std::function<void()> on_ready) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    log_.reset(ends[0]);
    support::UniqueFd write_end(ends[1]);
    std::fflush(nullptr);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      log_.reset();
      ::_exit(supervise(options, threads, std::move(fill), std::move(on_ready), write_end.get()));
    }
  }

  static int supervise(const MasterOptions& options, unsigned threads, Fill fill,
                       std::function<void()> on_ready, int log) {
    ::alarm(120);                // workers have their own: nothing outlives a broken test
    ::signal(SIGABRT, SIG_DFL);  // doctest has a handler
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans become the master's, as they do for process 1
    ::signal(SIGCHLD, SIG_IGN);          // as a careless parent may leave it
    std::FILE* held = ::fdopen(::dup(log), "w");
    static constexpr char kHeld[] = "note: held by stdio";  // its zero byte ends the line
    std::fwrite(kHeld, 1, sizeof kHeld, held);
    PipeReporter reporter(log);
    FakeService service(options, threads, std::move(fill), std::move(on_ready), reporter);
    std::optional<support::BlockedSignals> blocked;
    std::optional<UpgradeState> upgrade_state;
    if (options.inherited) {
      upgrade_state = leave_workers(*options.inherited, reporter);
      // As an execve leaves them.
      blocked.emplace({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD});
    }
    try {
      MasterSignals signals;
      auto first = upgrade_state ? service.inherit(*upgrade_state) : service.deploy(true);
      return Master(reporter, {signals}, service, std::move(first), std::move(upgrade_state)).run();
    } catch (const std::exception& error) {
      reporter.note(error.what());
      return 99;
    }
  }

  // False at the pipe's end, or when nothing came for too long.
  bool read_more() {
    pollfd waited{log_.get(), POLLIN, 0};
    if (ended_ || ::poll(&waited, 1, static_cast<int>(kPatience.count()) * 1000) <= 0) return false;
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(log_.get(), bytes.data(), bytes.size());
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    partial_.append(bytes.data(), static_cast<std::size_t>(got));
    for (std::size_t end; (end = partial_.find('\0')) != std::string::npos;) {
      lines_.push_back(partial_.substr(0, end));
      partial_.erase(0, end + 1);
    }
    return true;
  }

  support::UniqueFd log_;
  std::optional<pid_t> pid_;
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
  std::string partial_;
  bool ended_ = false;
};

}  // namespace appd::supervisor
