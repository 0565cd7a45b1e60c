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
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_deployment.hpp"
#include "fakes/log_fields.hpp"
#include "runtime/supervisor/master.hpp"
#include "runtime/support/signals.hpp"

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

/// A reporter whose lines come out of a pipe, so that they cross process borders: "info
/// worker.ready: text". Each ends with a zero byte, as a text may have several lines.
class PipeReporter final : public gateway::Reporter {
 public:
  explicit PipeReporter(int fd) : fd_(fd) {}

  /// What a line begins with that tells this event.
  static std::string head_of(gateway::LogEvent event) {
    static constexpr std::array<const char*, 4> kLevels{"debug ", "info ", "warning ", "error "};
    const gateway::LogEventFacts& told = facts(event);
    return std::string(kLevels[static_cast<std::size_t>(told.level)]).append(told.name) + ": ";
  }
  /// What a line of the test's own begins with, which is no event.
  static constexpr std::string_view kNote = "note: ";

  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent event, std::string_view message) noexcept override {
    write(head_of(event).append(message));
  }
  void note(std::string_view text) noexcept { write(std::string(kNote).append(text)); }
  bool wants_access() const noexcept override { return false; }
  void access(const gateway::AccessRecord&) noexcept override {}

 private:
  void write(const std::string& line) noexcept {
    if (::write(fd_, line.c_str(), line.size() + 1) < 0) std::abort();
  }

  int fd_;
};

/// A worker's end as it should be: waits for its order, or for the end of its master.
inline int wait_for_order(ipc::WorkerLink& link) {
  for (;;) {
    pollfd waited{link.fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
    const auto [got, order] = link.receive_order();
    if (got == ipc::WorkerLink::Got::closed) return 0;
    if (got == ipc::WorkerLink::Got::message && order.kind != ipc::MasterOrder::serve) return 0;
  }
}

inline int serve(ipc::WorkerLink link) {
  link.send({ipc::WorkerMessage::Kind::ready, {}, {}});
  return wait_for_order(link);
}

/// A worker that ignores its orders.
inline int hang(ipc::WorkerLink link) {
  link.send({ipc::WorkerMessage::Kind::ready, {}, {}});
  for (;;) ::pause();
}

/// A worker whose application is broken.
inline int fail(ipc::WorkerLink link) {
  using ipc::StartStep;
  link.send({ipc::WorkerMessage::Kind::step, StartStep::import_application, {}});
  link.send({ipc::WorkerMessage::Kind::failed, StartStep::import_application,
             "No module named 'app'\nTraceback: a line"});
  return support::exit_code::kStart;
}

/// What the generations of such a master are to be.
struct MasterOptions {
  unsigned workers = 1;
  std::chrono::nanoseconds graceful_timeout = std::chrono::seconds(30);
  config::ReloadStrategy strategy = config::ReloadStrategy::overlap;
  bool broken_reloads = false;  ///< no deployment but the first can be made
  /// From the second generation on the worker of this index cannot import.
  std::optional<unsigned> broken_worker{};
  std::optional<config::MaxCrashes> max_crashes{};
  /// Those of another program in this process; then none is the first.
  struct Inherited {
    unsigned starting = 0;
    unsigned ready = 0;
    unsigned retired = 0;
  };
  std::optional<Inherited> inherited{};
  unsigned failing_plans = 0;  ///< so many reloads get no deployment
};

/// The generation that inherited workers are of.
inline constexpr unsigned kInheritedNumber = 7;

/// What a test's processes run, put into each generation's deployment. `first` is true for the one
/// that the master starts with.
using Fill = std::function<void(FakeDeployment& deployment, bool first)>;

/// A service of a test: deploys what the options say, and notes what it is told.
class FakeService final : public Service {
 public:
  FakeService(const MasterOptions& options, unsigned threads, Fill fill,
              std::function<void()> on_ready, PipeReporter& reporter)
      : options_(options),
        threads_(threads),
        fill_(std::move(fill)),
        on_ready_(std::move(on_ready)),
        reporter_(reporter) {}

  std::unique_ptr<Deployment> deploy(bool first) {
    auto deployment = std::make_unique<FakeDeployment>(options_.workers + 1, threads_);
    deployment->numbers.workers = options_.workers;
    deployment->numbers.graceful_timeout = options_.graceful_timeout;
    deployment->numbers.strategy = options_.strategy;
    deployment->numbers.max_crashes = options_.max_crashes;
    deployment->numbers.origin = Origin::master;
    deployment->examined = examined;
    deployment->told = teller();
    fill_(*deployment, first);
    return deployment;
  }
  std::unique_ptr<Deployment> inherit(const UpgradeState& left) {
    const auto workers = static_cast<unsigned>(left.workers.size());
    auto deployment = std::make_unique<FakeDeployment>(std::max(workers, 1u));
    deployment->numbers.workers = workers;
    deployment->numbers.heartbeat = left.heartbeat;
    deployment->told = teller();
    return deployment;
  }

  std::unique_ptr<Deployment> deploy_next() override {
    if (options_.broken_reloads || refused_++ < options_.failing_plans) {
      throw std::runtime_error("a bad configuration");
    }
    return deploy(false);
  }
  void on_ready(const Deployment&) override {
    note("on_ready");
    if (on_ready_) on_ready_();
  }
  void on_start_failed(const std::string&) override { note("on_start_failed"); }
  void on_reloading() override { note("on_reloading"); }
  void on_reloaded(const Deployment&) override { note("on_reloaded: taken over"); }
  void on_reload_refused() override { note("on_reloaded: given up"); }
  void on_stopping() override { note("on_stopping"); }
  /// Notes each change in the number of ready workers, and when a turn was in time.
  std::optional<std::chrono::nanoseconds> on_turn(unsigned ready) override {
    if (ready_ != ready) {
      ready_ = ready;
      note("on_turn: " + std::to_string(ready) + " ready");
      turn_due_ = Clock::now() + std::chrono::milliseconds(50);
    }
    if (turn_due_ && Clock::now() >= *turn_due_) {
      note("on_turn: as asked for");
      turn_due_.reset();
    }
    return turn_due_ ? std::optional(*turn_due_ - Clock::now()) : std::nullopt;
  }
  std::string upgrade(UpgradeState) override { return "there is no other program"; }
  void reopen_logs() override { note("reopens the logs"); }
  std::string describe() const override { return "the test's master"; }
  void close_after_fork() noexcept override {}

 private:
  void note(const std::string& text) { reporter_.note(text); }
  /// Names deployments in the order in which they are made: "deployment 1 takes over".
  std::function<void(const char*)> teller() {
    return [this, number = ++deployed_](const char* what) {
      note("deployment " + std::to_string(number) + " " + what);
    };
  }
  /// What is added to a death: "; examined 2, signal 6".
  static std::string examined(std::optional<unsigned> worker, int wait_status) {
    return "; examined " + (worker ? std::to_string(*worker) : "zygote") + ", signal " +
           std::to_string(WTERMSIG(wait_status));
  }

  const MasterOptions options_;
  const unsigned threads_;
  const Fill fill_;
  const std::function<void()> on_ready_;
  PipeReporter& reporter_;
  unsigned deployed_ = 0;
  unsigned refused_ = 0;
  std::optional<unsigned> ready_;
  std::optional<Clock::time_point> turn_due_;
};

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
  /// Of those up to the one that was waited for last: more may have been read.
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
      upgrade_state = leave(*options.inherited, reporter);
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

  /// Starts workers as another program would have left them. They note their orders:
  /// "inherited 1 hears retire".
  static UpgradeState leave(const MasterOptions::Inherited& found, PipeReporter& reporter) {
    UpgradeState upgrade_state;
    upgrade_state.generation = kInheritedNumber;
    const unsigned all = found.starting + found.ready + found.retired;
    for (unsigned index = 0; index < all; ++index) {
      const bool ready = index >= found.starting && index < found.starting + found.ready;
      const bool retired = index >= found.starting + found.ready;
      auto [master_end, worker_end] = ipc::WorkerLink::make_pair();
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::alarm(120);
        master_end.close();
        for (const auto& earlier : upgrade_state.workers) ::close(earlier.link);
        const std::string name = "inherited " + std::to_string(index);
        if (!ready && !retired) worker_end.send({ipc::WorkerMessage::Kind::ready, {}, {}});
        ::_exit(obey_inherited(worker_end, name, retired, reporter));
      }
      reporter.note("inherited " + std::to_string(index) + " (pid " + std::to_string(pid) + ")");
      upgrade_state.workers.push_back({index, pid, ::dup(master_end.fd()), ready, retired});
    }
    return upgrade_state;
  }

  /// One that is retired already goes on until it is told to drain.
  static int obey_inherited(ipc::WorkerLink& link, const std::string& name, bool retired,
                            PipeReporter& reporter) {
    using ipc::MasterOrder;
    for (;;) {
      pollfd waited{link.fd(), POLLIN, 0};
      ::poll(&waited, 1, -1);
      const auto [got, order] = link.receive_order();
      if (got == ipc::WorkerLink::Got::closed) return 0;
      if (got != ipc::WorkerLink::Got::message) continue;
      const char* const what = order.kind == MasterOrder::serve    ? " hears serve"
                               : order.kind == MasterOrder::retire ? " hears retire"
                                                                   : " hears drain";
      reporter.note(name + what);
      if (order.kind == MasterOrder::drain || (order.kind == MasterOrder::retire && !retired)) {
        return 0;
      }
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
