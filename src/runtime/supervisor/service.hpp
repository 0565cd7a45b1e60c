// What a master asks of the service that it runs for, and tells it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "runtime/supervisor/deployment.hpp"
#include "runtime/supervisor/upgrade_state.hpp"

namespace appd::supervisor {

/// The running service as its master sees it. It knows the configuration, the service manager, the
/// logs and the pid file. It keeps no generation: those are the master's.
class Service {
 public:
  /// Deploys the configuration as it is now, for a reload. What it throws says why that cannot be.
  virtual std::unique_ptr<Deployment> deploy_next() = 0;

  /// The first generation serves, and its workers run `program`. Told once.
  virtual void on_ready(const Deployment& present, const std::string& program) = 0;
  /// Told instead if the first generation cannot serve; the end begins. `why` may have several
  /// lines.
  virtual void on_start_failed(const std::string& why) = 0;
  /// A reload begins. Told before `deploy_next`.
  virtual void on_reloading() = 0;
  /// It has ended, and another generation serves.
  virtual void on_reloaded(const Deployment& present) = 0;
  /// It has ended, and the generation from before goes on.
  virtual void on_reload_refused() = 0;
  /// The end begins; the workers are told next. Told once.
  virtual void on_stopping() = 0;
  /// A turn of the master's loop; `ready` workers serve. Returns the time until the next turn
  /// that the service needs, or std::nullopt if it needs none.
  virtual std::optional<std::chrono::nanoseconds> on_turn(unsigned ready) = 0;

  /// Becomes the program that has been installed meanwhile. `upgrade_state` has what the master
  /// knows; the service adds the rest. Returns only if that fails, and why.
  virtual std::string upgrade(UpgradeState upgrade_state) = 0;
  /// Opens the master's own logs anew.
  virtual void reopen_logs() = 0;
  /// How a status begins: "appd 1.0 (pid 812)".
  virtual std::string describe() const = 0;

 protected:
  ~Service() = default;
};

}  // namespace appd::supervisor
