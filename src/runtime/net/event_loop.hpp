// The event loop of a worker, which one thread at a time runs.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "runtime/support/running_time.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Is told what happens to a descriptor.
class Watcher {
 public:
  /// `events` are EPOLLIN and its like, as in epoll_wait(2). On the loop; may end the watch.
  virtual void on_events(std::uint32_t events) = 0;
  /// The kernel cannot watch the descriptor, and the watch is off. `error` is epoll_ctl's, usually
  /// ENOMEM or ENOSPC. On the loop. Some time should pass before the watch is wanted again.
  virtual void on_watch_failed(int error) = 0;

 protected:
  ~Watcher() = default;
};

/// The loop of a worker's sockets: readiness, timers, and tasks from other threads. One thread at a
/// time runs it, perhaps another one at each turn; whoever hands the loop on orders the memory.
///
/// It exists beside Asio's io_context because a request costs less with it:
///   - A watch stays armed; Asio re-arms with a system call for each wait.
///   - A watch begins only when the loop is about to wait: a connection that is served and closed
///     at once never gets one.
///   - A watch may be exclusive among workers that listen on one socket.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Task = std::function<void()>;
  class Watch;
  class Timer;

  /// Throws std::system_error.
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs `task` on the loop soon. Any thread.
  void post(Task task);
  /// Ends the wait of `run_one`, or its next one. Any thread, even in a signal handler.
  void wake() noexcept;

  // -- The thread that runs the loop

  /// Tells one watcher what has happened, or runs what is due; waits if there is nothing. Throws
  /// std::system_error if epoll_wait has failed for about a second.
  void run_one();
  /// Looks for events without waiting; `run_one` then tells of them.
  void look();
  /// The time of the last look.
  Clock::time_point now() const noexcept { return time_.now; }
  /// The same in running time, for deadlines: time in which the loop did not run does not count.
  Clock::time_point running_now() const noexcept { return time_.running_now; }

 private:
  /// The events of one look, to be told one at a time.
  struct Batch {
    std::array<epoll_event, 128> events;
    std::size_t next = 0;
    std::size_t end = 0;

    bool empty() const noexcept { return next == end; }
  };

  /// The times of the last look.
  struct Time {
    Clock::time_point now = Clock::now();
    support::RunningTime running{now};
    Clock::time_point running_now = now;

    void read() {
      now = Clock::now();
      running_now = running.read(now);
    }
  };

  void collect(int timeout);
  bool begin_watches();
  void on_wait_failed(int error);
  int time_to_wait() const;
  void run_tasks();
  void run_timers();
  void forget(Watch& watch) noexcept;

  const support::UniqueFd epoll_;
  const support::UniqueFd bell_;  // an eventfd, never read: each ring is an edge of its own
  std::atomic<bool> waiting_{false};
  std::atomic<bool> woken_{false};

  std::mutex mutex_;
  std::vector<Task> tasks_;  // guarded by mutex_

  // For the thread that runs the loop. A watch that ends is taken out of all these lists.
  Batch batch_;
  std::vector<Watch*> beginning_;  // watched from the next wait on
  std::vector<Watch*> failed_;     // could not begin; their watchers are to be told
  std::vector<Watch*> again_;      // have more to do, without an event
  unsigned failed_waits_ = 0;      // in a row
  unsigned turns_ = 0;             // since the last look
  std::vector<Timer*> timers_;
  Time time_;
};

/// One descriptor's place in the loop. Loop's thread only. The descriptor must stay open until the
/// watch has ended.
///
///     off ──want──► beginning ──(the loop waits)──► on
///      ▲                ├──────────────end──────────┘
///      └─────(told)─────┴─► failed
class EventLoop::Watch {
 public:
  Watch(EventLoop& loop, int fd, Watcher& watcher) noexcept
      : loop_(loop), fd_(fd), watcher_(watcher) {}
  ~Watch() { end(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Asks for `events` (EPOLLIN …) from now on. What is true already is told too, even if it was
  /// told before. If the kernel cannot watch, `on_watch_failed` is called later.
  void want(std::uint32_t events);
  /// Tells the watcher EPOLLIN once more, after others have had their turn.
  void again();
  /// No event is told after this.
  void end() noexcept;

  /// What was asked for last; 0 if the watch is off.
  std::uint32_t events() const noexcept { return events_; }

 private:
  friend class EventLoop;
  enum class State : std::uint8_t { off, beginning, failed, on };

  EventLoop& loop_;
  const int fd_;
  std::uint32_t events_ = 0;
  int error_ = 0;  // while failed
  State state_ = State::off;
  bool again_ = false;  // in the loop's list of that name
  Watcher& watcher_;
};

/// Runs a task once after each `expire_after`. Loop's thread only.
class EventLoop::Timer {
 public:
  Timer(EventLoop& loop, Task task) : loop_(loop), task_(std::move(task)) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Runs the task after `time`, which replaces an earlier one.
  void expire_after(Clock::duration time);
  void cancel() noexcept;
  bool armed() const noexcept { return armed_; }

 private:
  friend class EventLoop;

  EventLoop& loop_;
  const Task task_;
  Clock::time_point when_{};
  bool armed_ = false;
};

}  // namespace appd::net
