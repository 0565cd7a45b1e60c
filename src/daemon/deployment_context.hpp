// What the daemon lends to its deployments.
#pragma once

#include "daemon/development.hpp"
#include "daemon/master_logs.hpp"
#include "runtime/peers/handover.hpp"
#include "runtime/supervisor/post_mortem.hpp"

namespace appd {

/// What all deployments of a running appd use. All are borrowed.
struct DeploymentContext {
  MasterLogs& logs;
  const peers::HandoverQueue& handover_queue;
  supervisor::PostMortem& post_mortem;
  const Development* development = nullptr;  ///< null if this is no `appd dev`
};

}  // namespace appd
