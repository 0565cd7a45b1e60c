// Keeps the workers of another program in this process until they end.

#include "daemon/inherited_deployment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/inbox_recovery.hpp"
#include "daemon/setting_values.hpp"
#include "runtime/supervisor/plan_settings.hpp"
#include "runtime/support/aside.hpp"

namespace appd {
namespace {

supervisor::GenerationPlan plan_of(const config::Settings& settings,
                                   const supervisor::UpgradeState& upgrade_state) {
  supervisor::GenerationPlan plan = supervisor::make_inherited_plan(settings);
  const auto& workers = upgrade_state.workers;
  plan.workers = static_cast<unsigned>(std::count_if(
      workers.begin(), workers.end(), [](const auto& worker) { return !worker.retired; }));
  plan.most_workers = plan.workers;
  plan.heartbeat = upgrade_state.heartbeat;
  return plan;
}

unsigned places_for(const supervisor::UpgradeState& upgrade_state) {
  return std::max(static_cast<unsigned>(upgrade_state.workers.size()), 1u);
}

[[noreturn]] void refuse_to_start() {
  throw std::logic_error("a worker of another program cannot be started");
}

}  // namespace

InheritedDeployment::InheritedDeployment(const config::Settings& settings,
                                         DeploymentContext context,
                                         const supervisor::UpgradeState& upgrade_state,
                                         Listeners& listeners)
    : module_(settings.module),
      context_(context),
      plan_(plan_of(settings, upgrade_state)),
      scoreboard_(places_for(upgrade_state), 1) {
  const std::optional<support::Account> account = find_account(settings);
  for (const auto& worker : upgrade_state.workers) {
    inboxes_.emplace_back(support::UniqueFd(worker.inbox));
  }
  access_log_ = open_access_log(settings, account);
  sockets_ = listeners.inherit(upgrade_state, pointer_to(account));
}

std::string InheritedDeployment::describe() const {
  return fmt::format("{} on {}", module_, names_of(sockets_));
}

void InheritedDeployment::leave_open() noexcept {
  for (support::UniqueFd& box : inboxes_) box.release();
}

/// The worker has no replacement, and its peers do not learn of its death: so its inbox is closed.
void InheritedDeployment::recover(unsigned index) {
  peers::close_inbox(inboxes_[index].get());
  recover_inbox(inboxes_[index].get(), context_.handover_queue, nullptr);
  std::vector<support::UniqueFd> closed;
  closed.push_back(std::move(inboxes_[index]));
  support::close_aside(std::move(closed));
}

int InheritedDeployment::run_worker(unsigned, ipc::WorkerLink) {
  refuse_to_start();
}

int InheritedDeployment::run_zygote(ipc::WorkerLink) {
  refuse_to_start();
}

}  // namespace appd
