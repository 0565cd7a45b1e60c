// Which program a worker is, and how a forked process becomes it.
#pragma once

#include <optional>
#include <string>

#include "runtime/config/settings.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/launch/worker_start.hpp"
#include "runtime/support/account.hpp"

namespace appd {

/// A program that makes a worker: appd-worker, or a Python with the module appd._worker.
struct WorkerProgram {
  std::string path;
  bool is_python = false;
  /// The folder of the package appd that was installed with this appd, for a Python whose minor
  /// version it is made for; "" if there is none.
  std::string package{};

  /// By the settings alone: the Python of --python or --virtualenv; else the appd-worker that was
  /// installed with this appd; else, where pip has installed it, that Python.
  static WorkerProgram choose(const config::Settings& settings);
};

/// What every program of these settings is told; descriptors and place are missing.
launch::WorkerStart make_worker_start(const config::Settings& settings, launch::Role role);

/// In a forked process: takes the rights, directory and environment of the settings, and executes
/// the program. `start` names the descriptors that it inherits. Returns only if that fails, and the
/// exit code; the link, or stderr without one, has said why.
int become_worker(const WorkerProgram& program, const config::Settings& settings,
                  const std::optional<support::Account>& account, launch::WorkerStart start,
                  ipc::WorkerLink& link) noexcept;

/// Runs the program in a process of its own and waits for its end, for `check` and `version`.
/// Returns its exit code; tells on stderr if a signal has ended it. SIGCHLD gets its default
/// action. Throws std::system_error.
int run_worker_program(const config::Settings& settings,
                       const std::optional<support::Account>& account, launch::Role role);

}  // namespace appd
