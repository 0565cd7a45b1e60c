// The workers that this process had before it became another program.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/deployment_context.hpp"
#include "daemon/listeners.hpp"
#include "runtime/config/settings.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/supervisor/deployment.hpp"
#include "runtime/supervisor/upgrade_state.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd {

/// What is left of a deployment after an upgrade. Its workers are there, and serve until the next
/// generation does. They cannot be started again, so it needs no more than sockets, inboxes and
/// logs. Their scoreboard is not known to this program; the one here stays empty.
class InheritedDeployment final : public supervisor::Deployment {
 public:
  /// Takes the descriptors of the state. Throws config::ConfigError, std::system_error.
  InheritedDeployment(const config::Settings& settings, DeploymentContext context,
                      const supervisor::UpgradeState& upgrade_state, Listeners& listeners);

  const supervisor::GenerationPlan& plan() const noexcept override { return plan_; }
  ipc::Scoreboard& scoreboard() noexcept override { return scoreboard_; }
  std::string describe() const override;

  void take_over() override {}
  void close_listeners() noexcept override { sockets_.clear(); }
  void leave_open() noexcept override;
  void reopen_logs() override { context_.logs.reopen(access_log_.get()); }
  gateway::LogStreams logs() const noexcept override {
    return context_.logs.streams(access_log_.get());
  }
  std::string examine(std::optional<unsigned>, int) override { return ""; }
  void recover(unsigned index) override;
  int inbox(unsigned index) const noexcept override { return inboxes_[index].get(); }

  int run_worker(unsigned index, ipc::WorkerLink link) override;
  int run_zygote(ipc::WorkerLink link) override;

 private:
  // Set once.
  const std::string module_;
  const DeploymentContext context_;
  const supervisor::GenerationPlan plan_;

  ipc::Scoreboard scoreboard_;
  std::vector<support::UniqueFd> inboxes_;          ///< by the worker's place
  std::unique_ptr<logging::AccessLog> access_log_;  ///< null if it is off
  Listeners::Sockets sockets_;
};

}  // namespace appd
