// Enforces the deadlines of a worker's requests.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/pool/deadline_watch.hpp"
#include "runtime/python/python_runtime.hpp"
#include "runtime/support/running_time.hpp"

namespace appd::worker {

/// Watches the time of a worker's requests, and does what its watches decide. It runs on the
/// control thread, which needs neither the loop nor the interpreter, so it works when every pool
/// thread is stuck.
class DeadlineGuard {
 public:
  using Clock = pool::DeadlineWatch::Clock;

  /// `slots` has one for each pool thread, `load` is this worker's. All references must outlive
  /// the guard.
  DeadlineGuard(boost::asio::io_context& control, const pool::DeadlineLimits& limits,
                std::span<const ipc::ThreadSlot> slots, const ipc::WorkerLoad& load,
                python::PythonRuntime& python, gateway::Reporter& reporter);

  /// Call it before `control` runs; the guard watches as long as that runs. `on_stuck` is called
  /// on the control thread when a call does not come back. It gets the pool thread, the sequence of
  /// its slot, and a line that names the request.
  void start(std::function<void(unsigned, std::uint32_t, const std::string&)> on_stuck);

 private:
  using Reading = ipc::ThreadSlot::Reading;

  void look_later(Clock::time_point when);
  Clock::time_point now() noexcept { return time_.read(Clock::now()); }
  pool::DeadlineWatch::View view_of(unsigned thread, const Reading& reading) const noexcept;
  Clock::time_point begin_of(const Reading& reading) const noexcept;
  void look();
  void look_at_interpreter();
  void look_at(unsigned thread);
  bool is_kept_out(unsigned thread) const noexcept { return keeper_ && *keeper_ != thread; }
  void tell_of_keeper(unsigned thread, const Reading& reading);
  void tell_of_keeper_to_queue();
  std::string describe_keeper() const;
  void act(pool::DeadlineEvent event, unsigned thread, const Reading& reading);
  std::string describe(unsigned thread, const Reading& reading, const char* what);
  python::RunningCall call_of(unsigned thread, const Reading& reading) const;
  std::string stack_of(unsigned thread, const Reading& reading);

  boost::asio::steady_timer timer_;
  support::RunningTime time_{Clock::now()};  // the time that the watches know
  const std::span<const ipc::ThreadSlot> slots_;
  const ipc::WorkerLoad& load_;
  std::vector<pool::DeadlineWatch> watches_;  // one for each slot
  std::optional<unsigned> keeper_;            // the thread that keeps the interpreter from others
  std::vector<std::uint32_t> told_;  // for each slot, the last request reported as kept out
  bool told_queue_ = false;          // the same was reported of the queue
  python::PythonRuntime& python_;
  gateway::Reporter& reporter_;
  std::function<void(unsigned, std::uint32_t, const std::string&)> on_stuck_;
};

}  // namespace appd::worker
