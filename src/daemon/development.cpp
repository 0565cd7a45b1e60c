// Watches folders, and tells the developer what happens.

#include "daemon/development.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <variant>
#include <vector>

#include "runtime/support/ip_address.hpp"
#include "runtime/support/memory_file.hpp"

namespace appd {
namespace {

using supervisor::Counts;

/// False for sockets of a service manager: nobody knows where they listen.
bool is_local(const sockets::Address& address) {
  if (std::holds_alternative<sockets::PassedName>(address)) return false;
  const auto* const endpoint = std::get_if<sockets::TcpEndpoint>(&address);
  if (endpoint == nullptr || endpoint->host == "localhost") return true;
  const auto ip = support::parse_ip_address(endpoint->host);
  return ip && ip->is_loopback();
}

std::string url_of(const sockets::TcpEndpoint& endpoint) {
  std::string host = endpoint.host;
  if (host.empty() || host == "*" || host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("http://{}:{}/", is_v6 ? fmt::format("[{}]", host) : host, endpoint.port);
}

}  // namespace

Development::Development(const config::Settings& settings,
                         const std::vector<ListenAddress>& addresses)
    : failure_(support::make_memory_file("appd-failure", "")) {
  for (const ListenAddress& each : addresses) {
    const auto* const endpoint = std::get_if<sockets::TcpEndpoint>(&each.address);
    const bool has_url = endpoint != nullptr && each.caller == net::Caller::client;
    if (has_url && url_.empty()) url_ = url_of(*endpoint);
    pages_ = pages_ && is_local(each.address);
  }
  watcher_.watch_tree(settings.chdir.empty() ? "." : settings.chdir, Counts::code);
  for (const std::string& folder : settings.watch) watcher_.watch_tree(folder, Counts::all_files);
  termios now{};
  if (::tcgetattr(STDIN_FILENO, &now) == 0) terminal_ = now;
}

Development::~Development() {
  if (!terminal_) return;
  std::signal(SIGTTOU, SIG_IGN);  // in the background this would stop the process
  if (::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) ::tcsetattr(STDIN_FILENO, TCSANOW, &*terminal_);
}

launch::DevelopmentStart Development::start() const {
  return {failure_.get(), watcher_.pipe(), !was_ready_, pages_, url_};
}

void Development::on_ready(const std::string& module) {
  was_ready_ = true;
  fmt::print("appd dev: {} on {} (reloads when its files change; Ctrl-C ends it){}\n", module,
             url_.empty() ? "a Unix socket" : url_,
             pages_ ? "" : "\nOther machines can connect, so there are no error pages.");
  std::fflush(stdout);
}

void Development::on_reloading(gateway::Reporter& log) {
  if (const std::string failure = watcher_.take_failure(); !failure.empty()) {
    log.report(gateway::LogEvent::config_warning, failure);
  }
  const std::string changed = watcher_.take_changed();
  fmt::print("{}reloading\n", changed.empty() ? "" : changed + " has changed: ");
  std::fflush(stdout);
}

void Development::on_reloaded() const {
  fmt::print("reloaded\n");
  std::fflush(stdout);
}

std::string advice_if_taken(const config::Settings& settings) {
  if (!settings.development) return "";
  return "; name another port: appd dev --http 127.0.0.1:8001 " + settings.module;
}

}  // namespace appd
