// All that one configuration's workers are made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/deployment_context.hpp"
#include "daemon/listeners.hpp"
#include "daemon/worker_launch.hpp"
#include "runtime/config/settings.hpp"
#include "runtime/ipc/crash_files.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/peers/inboxes.hpp"
#include "runtime/sockets/admission.hpp"
#include "runtime/supervisor/deployment.hpp"
#include "runtime/support/account.hpp"

namespace appd {

/// The title of a process as ps shows it: "appd: worker 1 app:application".
void set_title(std::string_view role, const config::Settings& settings);

/// What a generation of one configuration is made of.
class ConfiguredDeployment final : public supervisor::Deployment {
 public:
  /// Opens all but the sockets. Throws config::ConfigError, std::system_error.
  ConfiguredDeployment(config::Settings settings, DeploymentContext context);
  ~ConfiguredDeployment() override;

  const config::Settings& settings() const noexcept { return settings_; }
  /// Takes sockets that are open already, and opens the others. Throws what Listeners::open throws.
  void listen(Listeners& listeners, const std::vector<ListenAddress>& addresses);

  const supervisor::GenerationPlan& plan() const noexcept override { return plan_; }
  ipc::Scoreboard& scoreboard() noexcept override { return scoreboard_; }
  std::string describe() const override;

  void take_over() override;
  void close_listeners() noexcept override { sockets_.clear(); }
  void leave_open() noexcept override;
  void reopen_logs() override { context_.logs.reopen(access_log_.get()); }
  gateway::LogStreams logs() const noexcept override {
    return context_.logs.streams(access_log_.get());
  }
  std::string examine(std::optional<unsigned> index, int wait_status) override;
  void recover(unsigned index) override;
  int inbox(unsigned index) const noexcept override;

  int run_worker(unsigned index, ipc::WorkerLink link) override;
  int run_zygote(ipc::WorkerLink link) override;

 private:
  unsigned zygotes_place() const noexcept;
  launch::WorkerStart make_start(launch::Role role) const;

  // Set once.
  const config::Settings settings_;
  const DeploymentContext context_;
  const std::optional<support::Account> account_;
  const sockets::Admission admission_;
  const supervisor::GenerationPlan plan_;
  const WorkerProgram program_;

  std::unique_ptr<logging::AccessLog> access_log_;  ///< null if it is off
  ipc::Scoreboard scoreboard_;
  peers::Inboxes inboxes_;
  ipc::CrashFiles crash_files_;  ///< one for each worker, then the zygote's
  Listeners::Sockets sockets_;
};

}  // namespace appd
