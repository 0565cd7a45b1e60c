// argv → settings → the graph of objects for what the user asked for; exceptions → exit codes.

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/version.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/config/command_line.hpp"
#include "runtime/config/env_file.hpp"
#include "runtime/config/help_text.hpp"
#include "runtime/config/print_config.hpp"
#include "runtime/net/address.hpp"
#include "runtime/net/listening_socket.hpp"
#include "runtime/net/passed_sockets.hpp"
#include "runtime/observe/access_log.hpp"
#include "runtime/observe/log.hpp"
#include "runtime/observe/scoreboard.hpp"
#include "runtime/supervisor/master.hpp"
#include "runtime/supervisor/pid_file.hpp"
#include "runtime/supervisor/service_manager.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/release_pages.hpp"
#include "runtime/worker/worker.hpp"
#include "runtime/worker/zygote.hpp"

namespace {

using namespace appd;
using config::Settings;
using gateway::Level;
namespace exit_code = support::exit_code;

/// A value that only the layer which uses it can judge.
[[noreturn]] void reject(const char* option, const std::exception& error) {
  throw config::ConfigError(fmt::format("--{}: {}", option, error.what()));
}

std::vector<net::Address> parse_addresses(const Settings& settings) {
  std::vector<net::Address> addresses;
  try {
    for (const std::string& socket : settings.sockets) {
      addresses.push_back(net::parse_address(socket));
    }
  } catch (const std::invalid_argument& error) {
    reject("socket", error);
  }
  return addresses;
}

std::unique_ptr<observe::AccessLog> open_access_log(const Settings& settings) {
  try {
    if (!settings.access_log_format.empty())
      observe::AccessFormat check(settings.access_log_format);
    if (settings.access_log.empty()) return nullptr;
    return std::make_unique<observe::AccessLog>(settings.access_log, settings.access_log_format);
  } catch (const std::invalid_argument& error) {
    reject("access-log-format", error);
  } catch (const std::system_error& error) {
    reject("access-log", error);
  }
}

/// Whom the workers act for; none: who starts appd.
std::optional<support::Account> find_account(const Settings& settings) {
  try {
    if (settings.user.empty()) return std::nullopt;
    return support::account_to_become(settings.user, settings.group);
  } catch (const std::invalid_argument& error) {
    reject("user", error);
  }
}

/// Called first: from then on other processes of the same file are refused.
std::unique_ptr<supervisor::PidFile> lock_pid_file(const Settings& settings) {
  try {
    if (settings.pidfile.empty()) return nullptr;
    return std::make_unique<supervisor::PidFile>(settings.pidfile);
  } catch (const std::runtime_error& error) {
    reject("pidfile", error);
  }
}

void set_umask(const Settings& settings) {
  if (settings.umask) ::umask(*settings.umask);
}

Level threshold(const Settings& settings) {
  return observe::parse_level(settings.log_level).value_or(Level::info);
}

/// Files are the workers' own, as they would be had appd been started by that user.
net::SocketFileOptions socket_file_options(const Settings& settings,
                                           const std::optional<support::Account>& account) {
  net::SocketFileOptions options{settings.socket_mode, settings.socket_owner,
                                 settings.socket_group};
  if (account && options.owner.empty()) options.owner = std::to_string(account->user);
  if (account && options.group.empty()) options.group = std::to_string(account->group);
  return options;
}

std::vector<net::ListeningSocket> open_sockets(const std::vector<net::Address>& addresses,
                                               const net::SocketFileOptions& options,
                                               gateway::Reporter& log) {
  net::PassedSockets passed = net::PassedSockets::receive();
  std::vector<net::ListeningSocket> sockets;
  for (const net::Address& address : addresses) {
    if (const auto* name = std::get_if<net::PassedName>(&address)) {
      for (net::ListeningSocket& socket : passed.take(*name)) sockets.push_back(std::move(socket));
    } else {
      sockets.push_back(net::ListeningSocket::open(address, options));
    }
  }
  for (const net::ListeningSocket& socket : sockets) {
    if (socket.is_private()) continue;
    log.report(
        Level::warning,
        fmt::format("{} can be reached from other machines: whoever connects can forge every "
                    "variable, REMOTE_USER among them; bind to 127.0.0.1 or a Unix socket",
                    socket.name()));
  }
  for (const std::string& name : passed.left()) {
    log.report(Level::warning, fmt::format("nobody answers on the socket {} that the service "
                                           "manager has passed: add --socket systemd:{}",
                                           name, name));
  }
  return sockets;
}

/// What is served where: "app:application on /run/app.sock, 127.0.0.1:8000".
std::string describe_service(const Settings& settings,
                             const std::vector<net::ListeningSocket>& sockets) {
  std::string names;
  for (const net::ListeningSocket& socket : sockets) {
    names += (names.empty() ? "" : ", ") + socket.name();
  }
  return fmt::format("{} on {}", settings.module, names);
}

std::string ready_line(const Settings& settings, const std::string& service) {
  return fmt::format("appd {} is ready: {} (workers: {}{}, threads in each: {}, Python {})",
                     APPD_VERSION, service, settings.workers,
                     settings.preload == config::Preload::off ? "" : ", preloaded",
                     settings.threads, worker::python_version());
}

int serve(const Settings& settings) {
  const std::vector<net::Address> addresses = parse_addresses(settings);
  const std::optional<support::Account> account = find_account(settings);
  set_umask(settings);
  const std::unique_ptr<supervisor::PidFile> pid_file = lock_pid_file(settings);
  const std::unique_ptr<observe::AccessLog> access = open_access_log(settings);
  observe::Log log(threshold(settings), "master", access.get());
  std::vector<net::ListeningSocket> sockets;
  try {
    sockets = open_sockets(addresses, socket_file_options(settings, account), log);
  } catch (const std::exception& error) {
    log.report(Level::error, error.what());
    return exit_code::kSocket;
  }
  const std::string service = describe_service(settings, sockets);
  supervisor::ServiceManager manager(service, settings.workers);
  observe::Scoreboard scoreboard(settings.workers, settings.threads);
  const worker::Mailboxes mailboxes(settings.workers);
  const auto worker_role = [](unsigned index) { return fmt::format("worker {}", index + 1); };
  const worker::ForkedWorker run_worker = [&](unsigned index, observe::WorkerLink link,
                                              worker::Preloaded preloaded) {
    log.set_role(worker_role(index));
    return worker::run_worker(
        {settings, sockets, scoreboard.worker(index), index, scoreboard.loads(), mailboxes, log},
        std::move(link), std::move(preloaded));
  };
  // What is the master's alone, its rights among it, ends in the processes that it forks.
  const auto leave_master = [&](std::string role) {
    log.set_role(std::move(role));
    if (pid_file) pid_file->leave();
    supervisor::ServiceManager::leave();
    if (account) support::become(*account);
  };
  const supervisor::WorkerEntry worker_entry = [&](unsigned index, observe::WorkerLink link) {
    leave_master(worker_role(index));
    return run_worker(index, std::move(link), nullptr);
  };
  const supervisor::ZygoteEntry zygote_entry = [&](observe::WorkerLink link) {
    leave_master("zygote");
    return worker::run_zygote(settings, log, std::move(link), run_worker);
  };
  supervisor::MasterHooks hooks;
  hooks.on_ready = [&] {
    support::release_unchanged_file_pages();
    log.report(Level::info, ready_line(settings, service));
    manager.on_ready();
  };
  hooks.on_stopping = [&] {
    sockets.clear();
    manager.on_stopping();
  };
  hooks.on_turn = [&](unsigned ready) { return manager.on_turn(supervisor::Clock::now(), ready); };
  const auto run_master = [&](auto entry) {
    return supervisor::Master({settings.workers, settings.graceful_timeout}, std::move(entry),
                              scoreboard, log, hooks)
        .run();
  };
  return settings.preload == config::Preload::off ? run_master(worker_entry)
                                                  : run_master(zygote_entry);
}

/// --check: everything that can be known without opening a socket.
int check(const Settings& settings) {
  parse_addresses(settings);
  const std::optional<support::Account> account = find_account(settings);
  set_umask(settings);
  open_access_log(settings);
  observe::Log log(threshold(settings), "check");
  if (account) support::become(*account);
  const int code = worker::check_application(settings, log);
  if (code == exit_code::kOk)
    fmt::print("the configuration is valid; {} can be imported\n", settings.module);
  return code;
}

std::string version_text() {
  return fmt::format("appd {}\nPython {}\nBoost {}.{}.{}\n", APPD_VERSION, worker::python_version(),
                     BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100);
}

int run(const config::Command& command) {
  switch (command.action) {
    case config::Action::help:
      fmt::print("{}", config::help_text());
      return exit_code::kOk;
    case config::Action::version:
      fmt::print("{}", version_text());
      return exit_code::kOk;
    case config::Action::print_config:
      fmt::print("{}", config::print_config(command));
      return exit_code::kOk;
    case config::Action::check:
      return check(config::with_env_files(command.settings));
    case config::Action::run:
      return serve(config::with_env_files(command.settings));
  }
  return exit_code::kFailure;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // A front that goes away must be an error code, not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
    return run(config::parse_command_line(argc, argv, config::read_environment()));
  } catch (const config::ConfigError& error) {
    fmt::print(stderr, "appd: {}\n", error.what());
    return config::ConfigError::exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "appd: {}\n", error.what());
    return exit_code::kFailure;
  }
}
