// Turns arguments into settings, runs what they ask for, and turns exceptions into exit codes.

#include <fmt/format.h>
#include <unistd.h>

#include <boost/version.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

#include "daemon/daemon.hpp"
#include "daemon/setting_values.hpp"
#include "daemon/start_checks.hpp"
#include "daemon/worker_launch.hpp"
#include "runtime/config/command_line.hpp"
#include "runtime/config/env_file.hpp"
#include "runtime/config/help_text.hpp"
#include "runtime/config/print_config.hpp"
#include "runtime/logging/log.hpp"
#include "runtime/logging/log_sink.hpp"
#include "runtime/supervisor/control_protocol.hpp"
#include "runtime/supervisor/service_manager.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/leave_terminal.hpp"
#include "runtime/support/process_title.hpp"
#include "runtime/support/version.hpp"

namespace {

using namespace appd;
using config::Settings;
namespace exit_code = support::exit_code;

/// --check: everything that can be known without opening a socket.
int check(const Settings& settings) {
  appd::check(settings);
  const std::optional<support::Account> account = find_account(settings);
  set_umask(settings);
  open_access_log(settings, account);
  logging::Log log(threshold(settings), "check");
  for (const std::string& warning : find_warnings(settings)) {
    log.report(gateway::LogEvent::config_warning, warning);
  }
  const int code = run_worker_program(settings, account, launch::Role::check);
  if (code == exit_code::kOk) {
    fmt::print("the configuration is valid; {} can be imported{}\n", settings.module,
               settings.warmups.empty() ? "" : " and answers --warmup");
  }
  return code;
}

/// The worker's line comes from its program, which may be missing.
int print_version(const Settings& settings) {
  fmt::print("appd {}\nBoost {}.{}.{}\n", APPD_VERSION, BOOST_VERSION / 100000,
             BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100);
  run_worker_program(settings, find_account(settings), launch::Role::version);
  return exit_code::kOk;
}

int show_config(const config::Command& command) {
  fmt::print("# Workers run {}\n{}", WorkerProgram::choose(command.settings).path,
             config::print_config(command));
  return exit_code::kOk;
}

/// With what --env-file names.
Settings make_complete(const Settings& settings) {
  const std::optional<support::Account> account = find_account(settings);
  return config::with_env_files(settings, account ? &*account : nullptr);
}

int serve(const Settings& settings, int argc, char** argv, supervisor::Inherited inherited) {
  std::optional<supervisor::UpgradeState> upgrade_state;
  if (inherited.file) {
    upgrade_state = supervisor::load_upgrade_state(inherited.file);
    supervisor::keep_over_exec(*upgrade_state, inherited.file, false);
    inherited.file.reset();
  }
  const Settings complete = make_complete(settings);
  if (inherited.trial) {
    if (!upgrade_state) throw std::runtime_error("the running appd has passed no upgrade state");
    appd::check(complete);
    return run_worker_program(complete, find_account(complete), launch::Role::version);
  }
  const auto reread = [argc, argv] {
    return make_complete(
        config::parse_command_line(argc, argv, config::read_environment()).settings);
  };
  return Daemon(complete, reread, supervisor::Upgrader(argc, argv), std::move(upgrade_state)).run();
}

/// gunicorn takes the application without an option, and uWSGI its file.
std::string meant_by(std::string_view word) {
  if (word.ends_with(".ini")) return fmt::format("; did you mean --config {}?", word);
  const bool names_object = word.find_first_of(":.") != std::string_view::npos;
  return names_object ? fmt::format("; did you mean --module {}?", word) : "";
}

/// `appd reload` and its like.
int ask(const config::Command& command) {
  for (const std::string& warning : command.warnings) fmt::print(stderr, "appd: {}\n", warning);
  const auto verb = supervisor::parse_verb(command.verb);
  if (!verb) {
    throw config::ConfigError(fmt::format(
        "command line: \"{}\" is neither an option nor reload, upgrade, stop or status{}",
        command.verb, meant_by(command.verb)));
  }
  if (command.settings.control.empty()) {
    throw config::ConfigError(fmt::format(
        "cannot tell which appd to {}: give the --control, --pidfile or --config that it was "
        "started with",
        command.verb));
  }
  return supervisor::ask_master(command.settings.control, *verb);
}

int run(int argc, char** argv) {
  supervisor::Inherited inherited = supervisor::take_inherited(argc, argv);
  if (inherited.trial) supervisor::ServiceManager::drop_variables();
  const config::Command command =
      config::parse_command_line(argc, argv, config::read_environment());
  switch (command.action) {
    case config::Action::help:
      fmt::print("{}", config::help_text());
      return exit_code::kOk;
    case config::Action::version:
      return print_version(command.settings);
    case config::Action::print_config:
      return show_config(command);
    case config::Action::check:
      return check(make_complete(command.settings));
    case config::Action::ask:
      return ask(command);
    case config::Action::run:
      return serve(command.settings, argc, argv, std::move(inherited));
  }
  return exit_code::kFailure;
}

/// Whoever starts appd may not read what it says. (A service manager believes only the service's
/// main process: not an `appd reload` that it runs for it.)
void complain(const std::exception& error) {
  supervisor::ServiceManager::tell_failure(error.what());
  constexpr int kTries = 20;
  constexpr std::chrono::milliseconds kPause{20};
  logging::LogSink sink(STDERR_FILENO);
  sink.write(fmt::format("appd: {}\n", error.what()));
  for (int i = 0; i < kTries && sink.behind(); ++i) {
    sink.wait(kPause);
    sink.resume();
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // A front that goes away must be an error code, not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
    support::fill_standard_descriptors();
    return run(argc, support::keep_arguments(argc, argv));
  } catch (const config::ConfigError& error) {
    complain(error);
    return config::ConfigError::exit_code();
  } catch (const std::exception& error) {
    complain(error);
    return exit_code::kFailure;
  }
}
