#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "listeners.hpp"
#include "runtime/config/settings.hpp"
#include "runtime/net/address.hpp"
#include "runtime/observe/access_log.hpp"
#include "runtime/observe/log.hpp"
#include "runtime/observe/log_file.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/supervisor/generation.hpp"
#include "runtime/supervisor/legacy.hpp"
#include "runtime/supervisor/master_signals.hpp"
#include "runtime/supervisor/pid_file.hpp"
#include "runtime/supervisor/post_mortem.hpp"
#include "runtime/supervisor/service_manager.hpp"
#include "runtime/supervisor/successor.hpp"
#include "runtime/supervisor/touched_file.hpp"
#include "runtime/support/account.hpp"
#include "runtime/worker/inheritance.hpp"

namespace appd {

// What only the layer that uses a value can judge; each throws config::ConfigError that names the
// option.

std::vector<net::Address> parse_addresses(const config::Settings& settings);
net::Admission make_admission(const config::Settings& settings);
/// None: the access log is off.
std::unique_ptr<observe::AccessLog> open_access_log(const config::Settings& settings,
                                                    const std::optional<support::Account>& account);
/// Whom the workers act for; none: who starts appd.
std::optional<support::Account> find_account(const config::Settings& settings);
gateway::Level threshold(const config::Settings& settings);
void set_umask(const config::Settings& settings);

/// A running server: makes generations of workers out of configurations, and tells the world how
/// they fare.
class Daemon {
 public:
  /// `reread` gives the configuration as it is now; what it throws refuses a reload.
  /// `successor`: what this process becomes by an upgrade. `legacy`: what it was before one.
  Daemon(config::Settings settings, std::function<config::Settings()> reread,
         supervisor::Successor successor, std::optional<supervisor::Legacy> legacy);

  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Serves until it is told to stop; gives the exit code. Throws config::ConfigError before
  /// anything is served.
  int run();

 private:
  struct Deployment;

  void begin();
  void inherit();
  supervisor::GenerationPlan inherited_plan(const supervisor::Legacy& legacy);
  void salvage(int mailbox, std::atomic<int>* incoming);
  std::string upgrade(supervisor::Legacy legacy);
  void limit_rights();
  void reopen_logs();

  std::shared_ptr<Deployment> deploy(const config::Settings& settings);
  std::shared_ptr<Deployment> make_deployment(const config::Settings& settings);
  supervisor::GenerationPlan next_plan();
  supervisor::GenerationPlan plan_of(const std::shared_ptr<Deployment>& deployment);
  gateway::LogStreams logs_of(const Deployment& deployment) const noexcept;
  void leave_master(Deployment& deployment, std::string role, unsigned place,
                    support::Dumpable dumpable);
  void on_reloaded(bool taken_over);
  void warn_of(const config::Settings& settings);
  void warn_of_fixed(const config::Settings& next);

  /// Before all that its end has to undo.
  supervisor::MasterSignals signals_;
  const std::function<config::Settings()> reread_;
  const supervisor::Successor successor_;
  std::optional<supervisor::Legacy> legacy_;
  config::Settings settings_;  ///< of the start
  /// Before the pid file, so that its end is the last thing that callers see of this process.
  std::unique_ptr<supervisor::ControlSocket> control_;
  std::unique_ptr<supervisor::TouchedFile> touched_;
  std::unique_ptr<supervisor::PidFile> pid_file_;
  observe::Log log_;
  std::set<std::string> warned_;  ///< what `warn_of` has said: a reload says it not again
  const observe::StandardFile out_{STDOUT_FILENO};
  const observe::StandardFile err_{STDERR_FILENO};
  Listeners listeners_;
  std::optional<worker::Inheritance> inheritance_;      ///< of all generations
  std::vector<support::UniqueFd> inherited_mailboxes_;  ///< by place in the inherited generation
  std::vector<std::weak_ptr<Deployment>> deployments_;  ///< all, also of retired generations
  supervisor::PostMortem post_mortem_;
  std::shared_ptr<Deployment> present_;
  std::shared_ptr<Deployment> next_;  ///< from its plan until it serves, or does not
  std::optional<supervisor::ServiceManager> manager_;
};

}  // namespace appd
