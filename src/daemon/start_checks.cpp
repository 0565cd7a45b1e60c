// Checks addresses, accounts, files and formats before anything is opened.

#include "daemon/start_checks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <variant>

#include "daemon/setting_values.hpp"
#include "daemon/worker_launch.hpp"
#include "runtime/config/config_error.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/privileges.hpp"

namespace appd {

using config::Settings;

namespace {

/// Whether there are socket files to give to somebody.
bool has_socket_file(const std::vector<ListenAddress>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(), [](const ListenAddress& each) {
    return std::holds_alternative<sockets::UnixPath>(each.address);
  });
}

/// chown(2) without CAP_CHOWN: the owner stays, and the group is one's own.
void check_may_give(const Settings& settings, std::optional<uid_t> owner,
                    std::optional<gid_t> group) {
  if (support::may_give_files_away()) return;
  const std::string self = support::user_name(::geteuid());
  if (owner && *owner != ::geteuid()) {
    reject("socket-owner", fmt::format("only root can give a socket to {}; appd was started by {}",
                                       settings.socket_owner, self));
  }
  if (group && !support::is_in_group(*group)) {
    reject(
        "socket-group",
        fmt::format("user {0} is not in the group {1}, so it cannot give a socket to that group; "
                    "run usermod --append --groups {1} {0}, then restart appd (systemd: "
                    "SupplementaryGroups={1})",
                    self, settings.socket_group));
  }
}

void check_socket_files(const Settings& settings, const std::vector<ListenAddress>& addresses) {
  std::optional<uid_t> owner;
  std::optional<gid_t> group;
  try {
    if (!settings.socket_owner.empty()) owner = support::find_user(settings.socket_owner);
  } catch (const std::invalid_argument& error) {
    reject("socket-owner", error.what());
  }
  try {
    if (!settings.socket_group.empty()) group = support::find_group(settings.socket_group);
  } catch (const std::invalid_argument& error) {
    reject("socket-group", error.what());
  }
  if (has_socket_file(addresses)) check_may_give(settings, owner, group);
}

void check_folder(const char* option, const std::filesystem::path& folder) {
  std::error_code why;
  const auto status = std::filesystem::status(folder, why);
  // The workers' user may see a folder that the master cannot see.
  if (status.type() == std::filesystem::file_type::none) return;
  if (!std::filesystem::exists(status)) {
    reject(option, fmt::format("the folder {} does not exist", folder.string()));
  }
  if (!std::filesystem::is_directory(status)) {
    reject(option, fmt::format("{} is not a folder", folder.string()));
  }
}

void check_prefixes(const char* option, const std::vector<config::Folder>& folders) {
  for (auto each = folders.begin(); each != folders.end(); ++each) {
    const auto same = [each](const config::Folder& other) { return other.prefix == each->prefix; };
    if (std::any_of(folders.begin(), each, same)) {
      reject(option, fmt::format("{} has two folders", each->prefix));
    }
  }
}

bool is_within(const std::filesystem::path& folder, const std::filesystem::path& other) {
  std::error_code ignored;
  const auto inner = std::filesystem::weakly_canonical(folder, ignored);
  const auto outer = std::filesystem::weakly_canonical(other, ignored);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

void check_not_public(const config::Folder& internal, const Settings& settings,
                      const std::filesystem::path& base) {
  for (const config::Folder& each : settings.static_files) {
    if (!is_within(base / internal.path, base / each.path)) continue;
    reject("internal-files", fmt::format("{} is within {}, whose files --static gives to everybody",
                                         internal.path, each.path));
  }
}

void check_folders(const Settings& settings) {
  check_folder("spool-dir", spool_folder(settings));
  std::error_code ignored;
  const std::filesystem::path base = std::filesystem::current_path(ignored) / settings.chdir;
  for (const config::Folder& each : settings.static_files) check_folder("static", base / each.path);
  for (const config::Folder& each : settings.internal_files) {
    check_folder("internal-files", base / each.path);
    check_not_public(each, settings, base);
  }
  check_prefixes("static", settings.static_files);
  check_prefixes("internal-files", settings.internal_files);
}

void check_watched_folders(const Settings& settings) {
  for (const std::string& folder : settings.watch) {
    std::error_code why;
    if (std::filesystem::is_directory(folder, why)) continue;
    reject("watch",
           fmt::format("{} is no folder that {} can see", folder, support::user_name(::geteuid())));
  }
}

/// A Python that cannot be executed is found by the workers' user; one that is not there, here.
void check_python(const Settings& settings) {
  const WorkerProgram program = WorkerProgram::choose(settings);
  std::error_code why;
  const std::filesystem::path path =
      std::filesystem::current_path(why) / settings.chdir / program.path;
  if (std::filesystem::status(path, why).type() != std::filesystem::file_type::not_found) return;
  if (std::filesystem::is_symlink(path, why)) {
    reject(settings.python.empty() ? "virtualenv" : "python",
           fmt::format("{} leads to a Python that is not there: {}", path.string(),
                       std::filesystem::read_symlink(path, why).string()));
  }
  if (!settings.virtualenv.empty()) {
    reject("virtualenv", fmt::format("{} is not a virtual environment: it has no bin/python",
                                     settings.virtualenv));
  }
  if (!settings.python.empty()) reject("python", fmt::format("{} does not exist", path.string()));
  throw config::ConfigError(
      fmt::format("no worker program was installed with this appd, neither {} nor "
                  "../libexec/appd/appd-worker beside it; name a Python with --python",
                  program.path));
}

}  // namespace

void check(const Settings& settings) {
  const std::vector<ListenAddress> addresses = parse_addresses(settings);
  make_admission(settings);
  find_account(settings);
  check_socket_files(settings, addresses);
  check_folders(settings);
  check_watched_folders(settings);
  check_python(settings);
}

std::vector<std::string> find_warnings(const Settings& settings) {
  std::vector<std::string> warnings;
  if (::geteuid() == 0 && settings.user.empty()) {
    warnings.emplace_back(
        "started as root without --user: the application, and anyone who exploits it, has root's "
        "rights on this machine; run it as another user with --user www-data");
  }
  const bool speaks_http =
      !settings.http.empty() || settings.protocol == config::ProtocolChoice::http;
  if (settings.proxy_protocol && !speaks_http) {
    warnings.emplace_back(
        "--proxy-protocol has no effect: it is for HTTP sockets, and there are none");
  }
  return warnings;
}

}  // namespace appd
