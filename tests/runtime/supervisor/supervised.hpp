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
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/supervisor/master.hpp"

namespace appd::supervisor {

/// A reporter whose lines come out of a pipe, so that they cross process borders: "info text".
class PipeReporter final : public gateway::Reporter {
 public:
  explicit PipeReporter(int fd) : fd_(fd) {}

  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::Level level, std::string_view message) noexcept override {
    static constexpr std::array<const char*, 4> kNames{"debug ", "info ", "warning ", "error "};
    std::string line = kNames[static_cast<std::size_t>(level)];
    line.append(message).append("\n");
    if (::write(fd_, line.data(), line.size()) < 0) std::abort();
  }
  bool wants_access() const noexcept override { return false; }
  void access(const gateway::AccessRecord&) noexcept override {}

 private:
  int fd_;
};

/// A master in a process of its own, whose log the test reads. Every process of it holds the log's
/// pipe open, so that the pipe's end proves that none is left.
class Supervised {
 public:
  static constexpr std::chrono::seconds kPatience{30};

  Supervised(MasterOptions options, unsigned threads,
             std::function<int(unsigned, observe::WorkerLink, observe::Scoreboard&)> worker,
             std::function<void()> on_ready = nullptr)
      : Supervised(
            options, threads,
            [worker = std::move(worker)](observe::Scoreboard& scoreboard) -> Entry {
              return WorkerEntry([worker, &scoreboard](unsigned index, observe::WorkerLink link) {
                ::alarm(120);
                return worker(index, std::move(link), scoreboard);
              });
            },
            std::move(on_ready)) {}

  /// With a zygote.
  Supervised(MasterOptions options,
             std::function<int(observe::WorkerLink, observe::Scoreboard&)> zygote)
      : Supervised(
            options, 1,
            [zygote = std::move(zygote)](observe::Scoreboard& scoreboard) -> Entry {
              return ZygoteEntry([zygote, &scoreboard](observe::WorkerLink link) {
                ::alarm(120);
                return zygote(std::move(link), scoreboard);
              });
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

  /// The first line not yet waited for that contains `part`.
  std::string wait_for(std::string_view part) {
    for (;;) {
      for (; next_ < lines_.size(); ++next_) {
        if (lines_[next_].find(part) != std::string::npos) return lines_[next_++];
      }
      if (!read_more()) break;
    }
    FAIL("no line with '", part, "' in:\n", text());
    return {};
  }

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
  unsigned count(std::string_view part) const {
    return static_cast<unsigned>(std::count_if(
        lines_.begin(), lines_.end(),
        [part](const std::string& line) { return line.find(part) != std::string::npos; }));
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines_) all += line + "\n";
    return all;
  }

 private:
  using Entry = std::variant<WorkerEntry, ZygoteEntry>;
  using MakeEntry = std::function<Entry(observe::Scoreboard&)>;

  Supervised(MasterOptions options, unsigned threads, const MakeEntry& make_entry,
             std::function<void()> on_ready) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    log_.reset(ends[0]);
    support::UniqueFd write_end(ends[1]);
    std::fflush(nullptr);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      log_.reset();
      ::_exit(supervise(options, threads, make_entry, std::move(on_ready), write_end.get()));
    }
  }

  static int supervise(MasterOptions options, unsigned threads, const MakeEntry& make_entry,
                       std::function<void()> on_ready, int log) {
    ::alarm(120);                // workers have their own: nothing outlives a broken test
    ::signal(SIGABRT, SIG_DFL);  // doctest has a handler
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans become the master's, as they do for process 1
    ::signal(SIGCHLD, SIG_IGN);          // as a careless parent may leave it
    std::FILE* held = ::fdopen(::dup(log), "w");
    std::fputs("debug held by stdio\n", held);
    PipeReporter reporter(log);
    observe::Scoreboard scoreboard(options.workers, threads);
    const MasterHooks hooks{std::move(on_ready),
                            [&reporter] { reporter.report(gateway::Level::debug, "on_stopping"); },
                            turn_counter(reporter)};
    try {
      Master master(options, make_entry(scoreboard), scoreboard, reporter, hooks);
      return master.run();
    } catch (const std::exception& error) {
      reporter.report(gateway::Level::debug, error.what());
      return 99;
    }
  }

  /// Reports each change in the number of ready workers, and when a turn was in time.
  static auto turn_counter(PipeReporter& reporter)
      -> std::function<std::optional<Clock::time_point>(unsigned)> {
    return [&reporter, last = std::optional<unsigned>(),
            due = std::optional<Clock::time_point>()](unsigned ready) mutable {
      if (last != ready) {
        last = ready;
        reporter.report(gateway::Level::debug, "on_turn: " + std::to_string(ready) + " ready");
        due = Clock::now() + std::chrono::milliseconds(50);
      }
      if (due && Clock::now() >= *due) {
        reporter.report(gateway::Level::debug, "on_turn: as asked for");
        due.reset();
      }
      return due;
    };
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
    for (std::size_t end; (end = partial_.find('\n')) != std::string::npos;) {
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

/// A worker's end as it should be: waits for its order, or for the end of its master.
inline int wait_for_order(observe::WorkerLink& link) {
  for (;;) {
    pollfd waited{link.fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
    if (link.receive_order().first != observe::WorkerLink::Got::nothing) return 0;
  }
}

inline int serve(observe::WorkerLink link) {
  link.send({observe::WorkerMessage::Kind::ready, {}, {}});
  return wait_for_order(link);
}

/// A worker that ignores its orders.
inline int hang(observe::WorkerLink link) {
  link.send({observe::WorkerMessage::Kind::ready, {}, {}});
  for (;;) ::pause();
}

}  // namespace appd::supervisor
