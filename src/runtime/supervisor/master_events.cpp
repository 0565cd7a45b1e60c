// What a master waits for and what it does at each event: signals, callers, messages, deaths.

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>
#include <thread>
#include <utility>

#include "runtime/gateway/flush_pause.hpp"
#include "runtime/supervisor/descriptions.hpp"
#include "runtime/supervisor/master.hpp"

namespace appd::supervisor {

using gateway::LogEvent;

namespace {

/// 0 if there is none.
pid_t find_dead_child() noexcept {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

}  // namespace

unsigned Master::count_serving() const noexcept {
  return (present_ ? present_->ready() : 0) + (reload_ ? reload_->serving_early() : 0);
}

/// Notes when the next turn is due even if nothing happens.
void Master::plan_turn() {
  const bool log_is_behind = !reporter_.flush();
  const auto next = service_.on_turn(count_serving());
  turn_due_ = next ? std::optional(Clock::now() + *next) : std::nullopt;
  if (!log_is_behind) return;
  const Clock::time_point retry = Clock::now() + gateway::kFlushPause;
  turn_due_ = turn_due_ ? std::min(*turn_due_, retry) : retry;
}

void Master::wait_for_events() {
  // Signals, control socket, touched file, changed files, then each generation in order.
  std::vector<pollfd> polled{
      {sources_.signals.fd().get(), POLLIN, 0},
      {sources_.control ? sources_.control->fd() : -1, POLLIN, 0},
      {sources_.file_watcher ? sources_.file_watcher->fd() : -1, POLLIN, 0},
      {sources_.change_watcher ? sources_.change_watcher->fd() : -1, POLLIN, 0}};
  const std::size_t own = polled.size();
  for (const auto& generation : generations_) generation->add_polled(polled);
  const int timeout = poll_timeout();
  Clock::expect_wait(timeout < 0
                         ? std::nullopt
                         : std::optional<Clock::duration>(std::chrono::milliseconds(timeout)));
  if (::poll(polled.data(), polled.size(), timeout) < 0) {
    if (errno != EINTR) bear_failure("poll");
    return;
  }
  // Messages come first: a worker that reports its failure and exits has failed, and not just died.
  std::span<const pollfd> left = std::span(polled).subspan(own);
  for (const auto& generation : generations_) {
    generation->read(left.first(generation->polled_size()));
    left = left.subspan(generation->polled_size());
  }
  if (polled[2].revents != 0 && sources_.file_watcher->look()) pending_reload_.wanted = true;
  if (polled[3].revents != 0 && sources_.change_watcher->look()) pending_reload_.wanted = true;
  if (polled[1].revents != 0) {
    for (const auto& request : sources_.control->receive(Clock::now(), reporter_))
      on_request(request);
  }
  if (sources_.control) sources_.control->tick(Clock::now());
  if (polled[0].revents != 0 && !obey_signals()) bear_failure("read of signals");
}

/// Returns false if there was none.
bool Master::obey_signals() {
  bool any = false;
  while (const auto signal = support::try_read_signal(sources_.signals.fd())) {
    any = true;
    on_signal(*signal);
  }
  return any;
}

/// The kernel may do soon what it refuses now. Workers serve meanwhile, and the loop must not spin.
void Master::bear_failure(const char* call) {
  constexpr std::chrono::milliseconds kPause{10};
  reporter_.report(LogEvent::server_call_failed,
                   fmt::format("{} failed, will try again: {}", call, std::strerror(errno)));
  std::this_thread::sleep_for(kPause);
}

int Master::poll_timeout() const noexcept {
  constexpr std::chrono::milliseconds kForever{-1};
  // Only a wait with an end shows for how long this process did not run: by how late it returns.
  constexpr std::chrono::milliseconds kLongest = std::chrono::seconds(5);
  std::optional<Clock::time_point> first = turn_due_;
  const auto consider = [&first](std::optional<Clock::time_point> due) {
    if (due && (!first || *due < *first)) first = due;
  };
  for (const auto& generation : generations_) consider(generation->due());
  if (sources_.control) consider(sources_.control->due());
  if (reload_) consider(reload_->due());
  if (phase_ == Phase::serving && !reload_) {
    if (pending_reload_.wanted) consider(Clock::now());
    consider(retry_due_);
  }
  if (!first) return static_cast<int>(kForever.count());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kLongest).count());
}

void Master::on_signal(const support::ReceivedSignal& signal) {
  const std::string name = describe_signal(signal.number);
  switch (signal.number) {
    case SIGCHLD:
      return reap();
    case SIGHUP:
      pending_reload_.wanted = true;
      return;
    case SIGUSR2:
      pending_upgrade_.wanted = true;
      return;
    case SIGUSR1:
      return reopen_logs();
    case SIGTERM:
    case SIGINT:
      if (phase_ != Phase::stopping) return stop(name);
      [[fallthrough]];
    case SIGQUIT:
      reporter_.report(LogEvent::server_stopping_now, fmt::format("{}: stopping at once", name));
      return stop_at_once();
    default:
      // A terminal sends SIGWINCH whenever its window changes size.
      const bool by_terminal = signal.number == SIGWINCH && signal.sender == 0;
      reporter_.report(by_terminal ? LogEvent::signal_window : LogEvent::signal_ignored,
                       fmt::format("{} is ignored: {}", name, describe_sender(signal)));
  }
}

void Master::reopen_logs() {
  service_.reopen_logs();
  for (const auto& generation : generations_) generation->reopen_logs();
  reporter_.report(LogEvent::log_reopened, "SIGUSR1: the log files were reopened");
}

void Master::on_request(ControlSocket::Request request) {
  ControlSocket& control = *sources_.control;
  switch (request.verb) {
    case ControlVerb::status:
      if (count_serving() > 0) return control.succeed(request.caller, describe());
      control.say(request.caller, describe());
      return control.fail(request.caller, "no worker is ready");
    case ControlVerb::stop:
      // The outcome is the end of this process.
      if (phase_ != Phase::stopping) stop("asked to stop");
      return;
    case ControlVerb::reload:
      return want(pending_reload_, request.caller);
    case ControlVerb::upgrade:
      return want(pending_upgrade_, request.caller);
  }
}

void Master::want(PendingAction& action, ControlSocket::Caller caller) {
  if (phase_ == Phase::stopping) return sources_.control->fail(caller, "appd is stopping");
  action.wanted = true;
  action.callers.add(caller);
}

std::string Master::describe() const {
  const Generation& served = present_ ? *present_ : *generations_.back();
  std::string text = fmt::format("{}: {}", service_.describe(), served.deployment().describe());
  for (const auto& generation : generations_) {
    text += fmt::format("\ngeneration {} {}", generation->number(), describe_role(*generation));
    text += generation->describe();
  }
  return text;
}

const char* Master::describe_role(const Generation& generation) const noexcept {
  if (&generation == present_) return "serves";
  return reload_ && &generation == &reload_->next() ? "starts" : "ends";
}

// All children are waited for, not only workers. As process 1 of a container, or with a zygote, the
// master also becomes the parent of processes that the application's children leave behind.
void Master::reap() {
  while (const pid_t pid = find_dead_child()) {
    // Its first message, which says which worker it is, may not have been read yet. The master
    // believes it only as long as the process has not been waited for.
    for (const auto& generation : generations_) generation->meet();
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) return;
    for (const auto& generation : generations_) {
      if (generation->on_exit(pid, status) == ProcessEnd::crash) on_crash();
    }
  }
}

void Master::on_crash() {
  if (phase_ != Phase::serving || !crash_limit_.on_crash(Clock::now())) return;
  exit_code_ = support::exit_code::kCrashes;
  const config::MaxCrashes& borne = *present_->plan().max_crashes;
  reporter_.report(
      LogEvent::server_crash_limit,
      fmt::format("too many processes have died: more than {} within {} (--max-crashes); stopping",
                  borne.crashes, describe_duration(borne.within)));
  stop_all();
}

}  // namespace appd::supervisor
