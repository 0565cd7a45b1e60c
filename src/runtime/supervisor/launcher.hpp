// Creates the processes of a generation.
#pragma once

#include <optional>

#include "runtime/gateway/reporter.hpp"
#include "runtime/supervisor/deployment.hpp"
#include "runtime/supervisor/slot.hpp"
#include "runtime/supervisor/zygote_process.hpp"

namespace appd::supervisor {

/// Prepares a process that the master has forked.
class ForkHandler {
 public:
  /// In the child, before it becomes what its deployment says.
  virtual void enter_child() = 0;

 protected:
  ~ForkHandler() = default;
};

/// How the processes of a generation come into being: by a fork, or by an order to its zygote.
class Launcher {
 public:
  /// All are borrowed. `zygote` is std::nullopt if the plan has none.
  Launcher(Deployment& deployment, gateway::Reporter& reporter, ForkHandler& fork_handler,
           std::optional<ZygoteProcess>& zygote) noexcept;

  /// Whether a process could be started there now.
  bool can_start(const Slot& slot) const noexcept;
  /// Starts a process in this slot, which has none. If a zygote is to fork it, it has no pid yet.
  /// Throws std::system_error.
  void start(Slot& slot);

 private:
  void fork_child(Slot& slot);
  void order_worker(Slot& worker);
  [[noreturn]] void live_as_child(const Slot& slot, ipc::WorkerLink link) noexcept;

  Deployment& deployment_;
  gateway::Reporter& reporter_;
  ForkHandler& fork_handler_;
  std::optional<ZygoteProcess>& zygote_;
};

}  // namespace appd::supervisor
