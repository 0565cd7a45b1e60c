// Fills a generation's plan from the settings.

#include "runtime/supervisor/plan_settings.hpp"

namespace appd::supervisor {

unsigned places(const config::Settings& settings) noexcept {
  const unsigned most = settings.workers.most;
  return most + (most + 3) / 4;
}

GenerationPlan make_plan(const config::Settings& settings) {
  GenerationPlan plan = make_inherited_plan(settings);
  plan.origin = settings.preload == config::Preload::off ? Origin::master : Origin::zygote;
  plan.workers = settings.workers.least;
  plan.most_workers = settings.workers.most;
  plan.scale_down_idle = settings.scale_down_idle;
  plan.threads = settings.threads;
  plan.queue = settings.queue;
  plan.strategy = settings.reload_strategy;
  plan.recycling = {settings.max_requests, settings.max_requests_jitter, settings.max_lifetime,
                    settings.max_lifetime / 10, settings.max_memory};
  plan.heartbeat = settings.heartbeat;
  plan.max_crashes = settings.max_crashes;
  return plan;
}

GenerationPlan make_inherited_plan(const config::Settings& settings) {
  GenerationPlan plan;
  plan.graceful_timeout = settings.graceful_timeout;
  // Nobody waits for a stream or an endless loop of the code from before.
  if (settings.development) plan.retired_limit = settings.graceful_timeout;
  plan.exit_timeout = settings.exit_timeout;
  plan.start_timeout = settings.start_timeout;
  return plan;
}

}  // namespace appd::supervisor
