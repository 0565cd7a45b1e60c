// Creates the processes of a generation.
#pragma once

#include <functional>
#include <optional>

#include "runtime/gateway/reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/supervisor/generation_plan.hpp"
#include "runtime/supervisor/slot.hpp"
#include "runtime/supervisor/zygote_process.hpp"

namespace appd::supervisor {

/// How the processes of a generation come into being: by a fork, or by an order to its zygote.
class Launcher {
 public:
  /// All are borrowed. `enter_child` is what a process that was forked does first: it leaves behind
  /// what is the master's. `zygote`: none when the plan has none.
  Launcher(const GenerationPlan& plan, gateway::Reporter& reporter,
           const std::function<void()>& enter_child, std::optional<ZygoteProcess>& zygote) noexcept;

  /// Now; later perhaps.
  bool can_start(const Slot& slot) const noexcept;
  /// Starts a process in this place, which has none. One that a zygote is to fork has no pid yet.
  /// Throws std::system_error.
  void start(Slot& slot);

 private:
  void fork_child(Slot& slot);
  void order_worker(Slot& worker);
  [[noreturn]] void live_as_child(const Slot& slot, ipc::WorkerLink link) noexcept;
  int live(const Slot& slot, ipc::WorkerLink link);

  const GenerationPlan& plan_;
  ipc::Scoreboard& scoreboard_;
  gateway::Reporter& reporter_;
  const std::function<void()>& enter_child_;
  std::optional<ZygoteProcess>& zygote_;
};

}  // namespace appd::supervisor
