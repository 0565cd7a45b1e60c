// Derives options of server and Python from the settings.

#include "runtime/worker/environment.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>

#include "runtime/config/value_formats.hpp"
#include "runtime/files/internal_files.hpp"
#include "runtime/files/static_files.hpp"

namespace appd::worker {
namespace {

std::optional<protocol::Wire> pinned(config::ProtocolChoice choice) {
  switch (choice) {
    case config::ProtocolChoice::automatic:
    case config::ProtocolChoice::http:
      return std::nullopt;
    case config::ProtocolChoice::fastcgi:
      return protocol::Wire::fastcgi;
    case config::ProtocolChoice::uwsgi:
      return protocol::Wire::uwsgi;
    case config::ProtocolChoice::scgi:
      return protocol::Wire::scgi;
  }
  return std::nullopt;
}

/// The folders of --static; null without any.
std::shared_ptr<const files::StaticFiles> open_static_files(const config::Settings& settings) {
  if (settings.static_files.empty()) return nullptr;
  std::vector<files::Mount> mounts;
  for (const config::Folder& each : settings.static_files) {
    mounts.push_back({each.prefix, files::FileRoot(each.path), settings.static_index});
  }
  const auto max_age = std::chrono::duration_cast<std::chrono::seconds>(settings.static_max_age);
  const files::StaticOptions options{.max_age = static_cast<std::uint32_t>(max_age.count()),
                                     .precompressed = true};
  return std::make_shared<const files::StaticFiles>(std::move(mounts), files::MediaTypes::read(),
                                                    options);
}

std::shared_ptr<const files::InternalFiles> open_internal_files(const config::Settings& settings) {
  if (settings.internal_files.empty()) return nullptr;
  std::vector<files::InternalFolder> folders;
  for (const config::Folder& each : settings.internal_files) {
    folders.push_back({each.prefix, std::filesystem::absolute(each.path).lexically_normal()});
  }
  return std::make_shared<const files::InternalFiles>(folders);
}

}  // namespace

gateway::ProxyTrust make_proxy_trust(const config::Settings& settings) {
  gateway::ProxyTrust trust;
  if (settings.proxy_headers == config::ProxyHeaders::forwarded) {
    trust.fields = gateway::ProxyFields::forwarded;
  }
  for (const config::TrustedProxy& proxy : settings.trust_proxy) {
    if (proxy) {
      trust.networks.push_back(*proxy);
    } else {
      trust.unix_peers = true;
    }
  }
  return trust;
}

net::ServerOptions make_server_options(const config::Settings& settings,
                                       const sockets::Admission& admission,
                                       net::SpoolQuota* spool_quota) {
  net::ServerOptions options;
  options.static_files = open_static_files(settings);
  options.internal_files = open_internal_files(settings);
  options.pinned = pinned(settings.protocol);
  options.admission = admission;
  options.max_connections = settings.max_connections;
  options.decoder.max_params = settings.max_params;
  options.environ.mount = settings.mount;
  options.environ.trust_script_name = settings.trust_script_name;
  options.environ.trust_forwarded_proto = settings.trust_forwarded_proto;
  options.environ.trust_uwsgi_scheme = settings.trust_uwsgi_scheme;
  options.environ.drop_remote_user = settings.drop_remote_user;
  options.proxies = make_proxy_trust(settings);
  options.max_body = settings.max_body;
  options.body_buffer = settings.body_buffer;
  options.spool_dir = settings.spool_dir;
  options.spool_quota = settings.spool_limit > 0 ? spool_quota : nullptr;
  options.spool_bodies = settings.spool_bodies;
  options.send_error_text = settings.fastcgi_stderr;
  options.header_timeout = settings.header_timeout;
  options.body_timeout = settings.body_timeout;
  options.write_timeout = settings.write_timeout;
  options.keep_alive_timeout = settings.keep_alive_timeout;
  return options;
}

net::WarmUps make_warm_ups(const config::Settings& settings) {
  net::WarmUps warm_ups;
  for (const config::WarmUp& each : settings.warmups) {
    warm_ups.requests.push_back(
        {config::WarmUpTarget::show(each), each.target, each.host, each.https});
  }
  for (const config::StatusRange& each : settings.warmup_accept) {
    warm_ups.accepted.emplace_back(each.first, each.last);
  }
  return warm_ups;
}

pool::DeadlineLimits make_deadline_limits(const config::Settings& settings) {
  pool::DeadlineLimits limits;
  limits.slow = settings.slow_request;
  limits.request = settings.request_timeout;
  limits.grace = settings.timeout_grace;
  return limits;
}

python::PythonOptions make_python_options(const config::Settings& settings, int crash_descriptor) {
  python::PythonOptions options;
  options.module = settings.module;
  options.pythonpath = settings.pythonpath;
  options.multithread = settings.threads > 1;
  options.multiprocess = settings.workers.most > 1;
  options.crash_descriptor = crash_descriptor;
  return options;
}

}  // namespace appd::worker
