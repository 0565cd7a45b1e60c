// Waits with epoll, runs watchers and posted work, and keeps the timers.

#include "runtime/net/event_loop.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "runtime/support/event_fd.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::net {
namespace {

/// Turns of watchers that have more to do, before the loop looks for new events.
constexpr unsigned kTurns = 16;
/// The pause after a wait that failed, and how many failures in a row the loop bears.
constexpr int kFailedWaitPause = 10;  // milliseconds
constexpr unsigned kMostFailedWaits = 100;
constexpr int kRings = 3;

support::UniqueFd open_epoll() {
  support::UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd) support::throw_errno("epoll_create1");
  return fd;
}

}  // namespace

EventLoop::EventLoop() : epoll_(open_epoll()), bell_(support::open_event_fd()) {
  epoll_event event{EPOLLIN | EPOLLET, {.ptr = nullptr}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &event) != 0) {
    support::throw_errno("epoll_ctl", "eventfd");
  }
}

void EventLoop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake();
}

void EventLoop::wake() noexcept {
  // Against `collect`: either it sees `woken_`, or this sees `waiting_`.
  if (woken_.exchange(true) || !waiting_.load()) return;
  const std::uint64_t one = 1;
  for (int i = 0; i < kRings; ++i) {
    if (::write(bell_.get(), &one, sizeof one) == sizeof one) return;
  }
  woken_.store(false);  // the bell did not ring: the next `wake` tries again
}

void EventLoop::run_one() {
  if (batch_.empty()) {
    if (again_.empty()) {
      collect(time_to_wait());
    } else if (turns_ >= kTurns) {
      collect(0);
    }
  }
  if (!batch_.empty()) {
    const epoll_event& event = batch_.events[batch_.next++];
    if (event.data.ptr != nullptr) {
      static_cast<Watch*>(event.data.ptr)->watcher_.on_events(event.events);
    }
  } else if (!again_.empty()) {
    ++turns_;
    Watch& watch = *again_.front();
    again_.erase(again_.begin());
    watch.again_ = false;
    watch.watcher_.on_events(EPOLLIN);
  }
}

void EventLoop::look() {
  if (batch_.empty()) collect(0);
}

void EventLoop::collect(int timeout) {
  // A watcher that was told of a failure may have set a timer, or want the same again.
  if (!begin_watches()) timeout = 0;
  waiting_.store(true);
  if (woken_.load()) timeout = 0;
  const int got = ::epoll_wait(epoll_.get(), batch_.events.data(),
                               static_cast<int>(batch_.events.size()), timeout);
  const int error = errno;
  waiting_.store(false);
  woken_.exchange(false);  // sees what the thread that woke the loop has done
  batch_.next = 0;
  batch_.end = got > 0 ? static_cast<std::size_t>(got) : 0;
  if (got >= 0) {
    failed_waits_ = 0;
  } else if (error != EINTR) {
    on_wait_failed(error);
  }
  turns_ = 0;
  time_.running.expect_wait(
      timeout < 0 ? std::nullopt
                  : std::optional<Clock::duration>(std::chrono::milliseconds(timeout)));
  time_.read();
  run_tasks();
  run_timers();
}

/// Returns false if some could not begin; their watchers have been told.
bool EventLoop::begin_watches() {
  while (!beginning_.empty()) {
    Watch& watch = *beginning_.back();
    beginning_.pop_back();
    epoll_event event{watch.events_, {.ptr = &watch}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watch.fd_, &event) == 0) {
      watch.state_ = Watch::State::on;
    } else {
      watch.state_ = Watch::State::failed;
      watch.error_ = errno;
      failed_.push_back(&watch);
    }
  }
  if (failed_.empty()) return true;
  // After all were tried: a watcher that is told may want the same again, or end any other watch.
  while (!failed_.empty()) {
    Watch& watch = *failed_.back();
    failed_.pop_back();
    watch.state_ = Watch::State::off;
    watch.events_ = 0;
    watch.watcher_.on_watch_failed(watch.error_);
  }
  return false;
}

/// A failure of unknown reason must neither make the loop spin nor pass for a loop that runs.
void EventLoop::on_wait_failed(int error) {
  if (++failed_waits_ == kMostFailedWaits) {
    errno = error;
    support::throw_errno("epoll_wait");
  }
  ::poll(nullptr, 0, kFailedWaitPause);
}

int EventLoop::time_to_wait() const {
  if (timers_.empty()) return -1;
  const auto first = std::min_element(
      timers_.begin(), timers_.end(),
      [](const Timer* one, const Timer* other) { return one->when_ < other->when_; });
  const auto left = std::chrono::ceil<std::chrono::milliseconds>((*first)->when_ - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void EventLoop::run_tasks() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks) task();
}

void EventLoop::run_timers() {
  while (true) {
    const auto due = std::find_if(timers_.begin(), timers_.end(),
                                  [this](const Timer* timer) { return timer->when_ <= time_.now; });
    if (due == timers_.end()) return;
    Timer& timer = **due;
    timer.cancel();
    timer.task_();
  }
}

void EventLoop::forget(Watch& watch) noexcept {
  if (std::exchange(watch.again_, false)) std::erase(again_, &watch);
  switch (watch.state_) {
    case Watch::State::off:
      break;
    case Watch::State::beginning:
      std::erase(beginning_, &watch);
      break;
    case Watch::State::failed:
      std::erase(failed_, &watch);
      break;
    case Watch::State::on:
      for (std::size_t i = batch_.next; i < batch_.end; ++i) {
        if (batch_.events[i].data.ptr == &watch) batch_.events[i].data.ptr = nullptr;
      }
  }
}

// -- Watch ----------------------------------------------------------------------------------------

void EventLoop::Watch::want(std::uint32_t events) {
  events_ = events;
  if (state_ == State::off) {
    state_ = State::beginning;
    loop_.beginning_.push_back(this);
  } else if (state_ == State::on) {
    epoll_event event{events, {.ptr = this}};
    if (::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_MOD, fd_, &event) == 0) return;
    end();
    want(events);
  }
}

void EventLoop::Watch::again() {
  if (!std::exchange(again_, true)) loop_.again_.push_back(this);
}

void EventLoop::Watch::end() noexcept {
  loop_.forget(*this);
  // Closing is not enough: a process that the application forked may still have the socket open.
  if (state_ == State::on) ::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  state_ = State::off;
  events_ = 0;
}

// -- Timer ----------------------------------------------------------------------------------------

void EventLoop::Timer::expire_after(Clock::duration time) {
  when_ = Clock::now() + time;
  if (!std::exchange(armed_, true)) loop_.timers_.push_back(this);
}

void EventLoop::Timer::cancel() noexcept {
  if (std::exchange(armed_, false)) std::erase(loop_.timers_, this);
}

}  // namespace appd::net
