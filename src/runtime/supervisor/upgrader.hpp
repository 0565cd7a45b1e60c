// Replaces the running program by the newly installed one.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/supervisor/upgrade_state.hpp"

namespace appd::supervisor {

/// The program that this process was started as. It can be started again when a newer one has
/// replaced it on disk.
class Upgrader {
 public:
  static constexpr std::chrono::seconds kTrialTime{10};

  /// Takes the command line of this process. The program is found as a shell finds it, so a link
  /// that points elsewhere by then is followed anew.
  Upgrader(int argc, char** argv, std::chrono::milliseconds trial_time = kTrialTime);

  /// Becomes the program, after a trial in a child: it must start, and understand the state and the
  /// configuration. Returns only on failure, and why; nothing has changed then. Blocks for the time
  /// of the trial, at most `trial_time`.
  std::string become(const UpgradeState& upgrade_state) const;

 private:
  std::string try_it() const;

  std::vector<std::string> arguments_;
  std::string program_;
  std::chrono::milliseconds trial_time_;
};

/// How this process was started.
struct Inherited {
  support::UniqueFd file;  ///< with the UpgradeState; empty after a plain start
  bool trial = false;      ///< it is only tried: it exits with 0 if all is well
};

/// Reads what an Upgrader has put into the command line and the environment, and takes it out.
Inherited take_inherited(int& argc, char** argv) noexcept;

}  // namespace appd::supervisor
