// Sends the --warmup requests over a socket pair and reads their statuses.

#include "runtime/net/warm_up.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "runtime/net/internal_request.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::net {
namespace {

/// Bytes of a response that are kept: they hold its head, unless that is huge.
constexpr std::size_t kHeadWithin = 64 * 1024;

void send_all(const support::UniqueFd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) support::throw_errno("send", "warm-up");
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Reads to the end and returns the beginning.
std::string read_all(const support::UniqueFd& socket) {
  std::string beginning;
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return beginning;
    if (beginning.size() < kHeadWithin)
      beginning.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

net::InternalResponse ask(const WarmUpRequest& request, protocol::Wire wire,
                          const Connect& connect) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    support::throw_errno("socketpair", "warm-up");
  }
  const support::UniqueFd front(ends[0]);
  connect(support::UniqueFd(ends[1]));
  net::InternalRequest own{.target = request.target, .https = request.https};
  if (!request.host.empty()) own.host = request.host;
  send_all(front, net::encode_internal_request(wire, own));
  return net::read_internal_response(wire, read_all(front));
}

bool is_success(unsigned status) {
  return status >= 200 && status <= 299;
}

bool is_redirect(unsigned status) {
  return status >= 300 && status <= 399;
}

bool is_accepted(unsigned status, const WarmUps& warm_ups) {
  return std::any_of(
      warm_ups.accepted.begin(), warm_ups.accepted.end(),
      [status](const auto& range) { return range.first <= status && status <= range.second; });
}

/// "404", "301 to /login"
std::string describe(const net::InternalResponse& response) {
  if (response.status == 0) return "nothing";
  if (!is_redirect(response.status) || response.location.empty())
    return std::to_string(response.status);
  return fmt::format("{} to {}", response.status, response.location);
}

/// What an operator can do about the response; "" if only the application can be mended.
std::string cure(const WarmUpRequest& request, const net::InternalResponse& response) {
  constexpr unsigned kBadRequest = 400;  // Django's answer to a host that it does not know
  if (response.status == kBadRequest && request.host.empty()) {
    return "; the request was for the host localhost; name another with --warmup "
           "https://example.org" +
           request.target;
  }
  if (!is_redirect(response.status) || response.location.empty()) return {};
  if (!request.https && response.location.starts_with("https://")) {
    return fmt::format("; the application redirects http to https: --warmup {}", response.location);
  }
  return fmt::format("; follow the redirect with --warmup {}, or accept it with --warmup-accept {}",
                     response.location, response.status);
}

}  // namespace

void warm_up(const WarmUps& warm_ups, protocol::Wire wire, const Connect& connect,
             gateway::Reporter& reporter) {
  for (const WarmUpRequest& request : warm_ups.requests) {
    const net::InternalResponse response = ask(request, wire, connect);
    if (is_success(response.status)) continue;
    const std::string text = fmt::format("the application answered --warmup {} with {}",
                                         request.text, describe(response));
    if (!is_accepted(response.status, warm_ups))
      throw std::runtime_error(text + cure(request, response));
    reporter.report(gateway::LogEvent::warmup_accepted, text + ", which --warmup-accept lets pass");
  }
}

}  // namespace appd::net
