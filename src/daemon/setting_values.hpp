// What settings mean to the system: addresses, accounts, admission, levels, files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/access_log.hpp"
#include "runtime/net/caller.hpp"
#include "runtime/sockets/address.hpp"
#include "runtime/sockets/admission.hpp"
#include "runtime/sockets/listening_socket.hpp"
#include "runtime/support/account.hpp"

namespace appd {

// Only the layer that uses a value can judge it. Each function throws config::ConfigError that
// names the option.

/// An address to listen on, and who connects to it.
struct ListenAddress {
  sockets::Address address;
  net::Caller caller = net::Caller::front;
};
/// Of --socket and --http. An address must not be in both.
std::vector<ListenAddress> parse_addresses(const config::Settings& settings);
sockets::Admission make_admission(const config::Settings& settings);
/// Null if the access log is off.
std::unique_ptr<logging::AccessLog> open_access_log(const config::Settings& settings,
                                                    const std::optional<support::Account>& account);
/// The account of the workers; std::nullopt if they keep that of the user that starts appd.
std::optional<support::Account> find_account(const config::Settings& settings);

/// --spool-dir as an absolute path, from the working directory at the start and --chdir.
std::string spool_folder(const config::Settings& settings);

gateway::Level threshold(const config::Settings& settings);
void set_umask(const config::Settings& settings);
/// Files are the workers' own, as they would be if that user had started appd. Borrows the account.
sockets::SocketFileOptions socket_file_options(const config::Settings& settings,
                                               const std::optional<support::Account>& account);

/// A pointer to the account; null if there is none.
const support::Account* pointer_to(const std::optional<support::Account>& account) noexcept;

/// Throws config::ConfigError: "--option: why".
[[noreturn]] void reject(const char* option, std::string_view why);

}  // namespace appd
