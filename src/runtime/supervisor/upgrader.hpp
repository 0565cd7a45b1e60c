// Replaces the running program by the newly installed one.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/supervisor/upgrade_state.hpp"

namespace appd::supervisor {

/// The program that a process was started as, to be started again when it has been replaced by a
/// newer one.
class Upgrader {
 public:
  static constexpr std::chrono::seconds kTrialTime{10};

  /// The command line of this process. The program is found as a shell would have found it, so that
  /// a link which points elsewhere by then is followed anew.
  Upgrader(int argc, char** argv, std::chrono::milliseconds trial_time = kTrialTime);

  /// Becomes the program, after a trial: a child that runs it, to see that it starts, understands
  /// the upgrade_state and the configuration. Does not return then; otherwise says why not, and
  /// nothing has changed. Blocks for the time of the trial, at most `trial_time`.
  std::string become(const UpgradeState& upgrade_state) const;

 private:
  std::string try_it() const;

  std::vector<std::string> arguments_;
  std::string program_;
  std::chrono::milliseconds trial_time_;
};

/// How this process was started.
struct Inherited {
  support::UniqueFd file;  ///< the upgrade_state; none: it has none
  bool trial = false;      ///< it is only to be looked at: exit 0 when all is well
};

/// Takes what a `Upgrader` has put into the command line and the environment out of them.
Inherited take_inherited(int& argc, char** argv) noexcept;

}  // namespace appd::supervisor
