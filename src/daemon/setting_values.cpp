// Looks settings up in the system: addresses, accounts, formats.

#include "daemon/setting_values.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/config/config_error.hpp"
#include "runtime/config/settings_builder.hpp"
#include "runtime/config/value_formats.hpp"
#include "runtime/logging/access_format.hpp"
#include "runtime/logging/log.hpp"

namespace appd {

using config::Settings;
using gateway::Level;

void reject(const char* option, std::string_view why) {
  throw config::ConfigError(fmt::format("--{}: {}", option, why));
}

const support::Account* pointer_to(const std::optional<support::Account>& account) noexcept {
  return account ? &*account : nullptr;
}

namespace {

sockets::Address parse_address_of(const char* option, const std::string& text) {
  try {
    return sockets::parse_address(text);
  } catch (const std::invalid_argument& error) {
    reject(option, error.what());
  }
}

}  // namespace

std::vector<ListenAddress> parse_addresses(const Settings& settings) {
  using net::Caller;
  const bool all_http = settings.protocol == config::ProtocolChoice::http;
  const Caller client = settings.proxy_protocol ? Caller::proxied : Caller::client;
  std::vector<ListenAddress> addresses;
  for (const std::string& socket : settings.sockets) {
    addresses.push_back({parse_address_of("socket", socket), all_http ? client : Caller::front});
  }
  for (const std::string& text : settings.http) {
    const sockets::Address address = parse_address_of("http", text);
    const bool is_taken =
        std::any_of(addresses.begin(), addresses.end(), [&address](const ListenAddress& other) {
          return other.caller == Caller::front &&
                 sockets::to_string(other.address) == sockets::to_string(address);
        });
    if (is_taken) reject("http", fmt::format("{} is also given with --socket", text));
    addresses.push_back({address, client});
  }
  return addresses;
}

std::unique_ptr<logging::AccessLog> open_access_log(
    const Settings& settings, const std::optional<support::Account>& account) {
  try {
    if (!settings.access_log_format.empty())
      logging::AccessFormat check(settings.access_log_format);
    if (settings.access_log.empty()) return nullptr;
    return std::make_unique<logging::AccessLog>(settings.access_log, settings.access_log_format,
                                                pointer_to(account));
  } catch (const std::invalid_argument& error) {
    reject("access-log-format", error.what());
  } catch (const std::runtime_error& error) {
    reject("access-log", error.what());
  }
}

sockets::Admission make_admission(const Settings& settings) {
  sockets::Admission admission;
  admission.networks = settings.allow;
  if (settings.allow_from_environment) admission.networks_by = config::kWebServers;
  try {
    for (const std::string& user : settings.allow_users) {
      admission.users.push_back(support::find_user(user));
    }
  } catch (const std::invalid_argument& error) {
    reject("allow-user", error.what());
  }
  return admission;
}

std::optional<support::Account> find_account(const Settings& settings) {
  if (settings.user.empty()) return std::nullopt;
  try {
    if (!settings.group.empty()) support::find_group(settings.group);
  } catch (const std::invalid_argument& error) {
    reject("group", error.what());
  }
  try {
    return support::account_to_become(settings.user, settings.group);
  } catch (const std::invalid_argument& error) {
    reject("user", error.what());
  }
}

std::string spool_folder(const Settings& settings) {
  std::error_code ignored;
  return std::filesystem::current_path(ignored) / settings.chdir / settings.spool_dir;
}

Level threshold(const Settings& settings) {
  return logging::parse_level(settings.log_level).value_or(Level::info);
}

void set_umask(const Settings& settings) {
  if (settings.umask) ::umask(*settings.umask);
}

sockets::SocketFileOptions socket_file_options(const Settings& settings,
                                               const std::optional<support::Account>& account) {
  sockets::SocketFileOptions options{settings.socket_mode, settings.socket_owner,
                                     settings.socket_group, pointer_to(account)};
  if (account && options.owner.empty()) options.owner = std::to_string(account->user);
  if (account && options.group.empty()) options.group = std::to_string(account->group);
  return options;
}

}  // namespace appd
