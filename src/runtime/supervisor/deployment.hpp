// What the processes of a generation run, and what the master asks of it.
#pragma once

#include <optional>
#include <string>

#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/generation_plan.hpp"

namespace appd::supervisor {

/// What a generation is made of: settings, sockets, scoreboard, logs. The master knows no more of
/// it than this. Its generation owns it, so it lives until the last process of that has ended.
class Deployment {
 public:
  Deployment() = default;
  virtual ~Deployment() = default;
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  /// Numbers and limits; they never change.
  virtual const GenerationPlan& plan() const noexcept = 0;
  /// With a row for each place of a worker.
  virtual ipc::Scoreboard& scoreboard() noexcept = 0;
  /// What is served where: "app:application on /run/app.sock, 127.0.0.1:8000".
  virtual std::string describe() const = 0;

  // -- In the master

  /// This deployment serves from now on: the master's own settings follow its configuration.
  virtual void take_over() = 0;
  /// Nothing is accepted for it any more.
  virtual void close_listeners() noexcept = 0;
  /// The master ends. Gives up descriptors without closing them: the end of the process does that,
  /// and does not wait for the connections that lie in inboxes.
  virtual void leave_open() noexcept = 0;
  /// Opens anew the logs that it has for itself.
  virtual void reopen_logs() = 0;
  /// What its logs are now, for its processes to go on in.
  virtual gateway::LogStreams logs() const noexcept = 0;
  /// What else is known of a process that has died, to be put behind the sentence that says so. The
  /// process is the worker at this place, or the zygote if `index` is std::nullopt. `wait_status`
  /// is waitpid's.
  virtual std::string examine(std::optional<unsigned> index, int wait_status) = 0;
  /// The worker at this place has died: recovers the connections that peers have given to it.
  virtual void recover(unsigned index) = 0;
  /// The descriptor of this worker's inbox, for the program that takes over this process and is to
  /// recover what is in it. −1 if there is none.
  virtual int inbox(unsigned index) const noexcept = 0;

  // -- In a forked child

  /// Becomes a worker, by the execution of its program; returns the exit code if that cannot be.
  /// `index` counts from 0 (logs say "worker 1"). The worker becomes ready, serves when its master
  /// orders so, drains and ends when that orders so or is gone (the end of `link`).
  virtual int run_worker(unsigned index, ipc::WorkerLink link) = 0;
  /// Becomes a zygote, the same way. It forks each worker that the master orders, as a child of the
  /// master's, and ends when its master orders so or is gone.
  virtual int run_zygote(ipc::WorkerLink link) = 0;
};

}  // namespace appd::supervisor
