// Walks what proxies have added to a request, from the nearest one on.

#include "runtime/gateway/forwarded.hpp"

#include <algorithm>

#include "runtime/gateway/forwarded_element.hpp"
#include "runtime/gateway/uri_host.hpp"
#include "runtime/support/ascii.hpp"
#include "runtime/support/ip_address.hpp"
#include "runtime/support/port_number.hpp"

namespace appd::gateway {
namespace {

namespace ip = boost::asio::ip;
using support::same_ignoring_case;

constexpr int kMostElements = 100;

struct Node {
  ip::address address;
  std::optional<std::uint16_t> port;
};

std::optional<ip::address> parse_host(std::string_view text) noexcept {
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (bracketed) text = text.substr(1, text.size() - 2);
  const bool is_v6 = text.find(':') != std::string_view::npos;
  return is_v6 == bracketed ? support::parse_ip_address(text) : std::nullopt;
}

// RFC 7239 section 6: an address, IPv6 in brackets, perhaps with a port or "_" and a name for it.
std::optional<Node> parse_node(std::string_view text) noexcept {
  const auto [host, port] = split_port(text);
  const auto address = parse_host(host);
  if (!address) return std::nullopt;
  if (!port || port->starts_with('_')) return Node{*address, std::nullopt};
  const auto number = support::port_number(*port);
  return number ? std::optional(Node{*address, number}) : std::nullopt;
}

// The same, or IPv6 without brackets.
std::optional<Node> parse_listed_node(std::string_view text) noexcept {
  if (const auto address = support::parse_ip_address(text)) return Node{*address, std::nullopt};
  return parse_node(text);
}

std::string_view take_last(std::string_view& list) noexcept {
  const std::size_t comma = list.rfind(',');
  const auto element = list.substr(comma + 1);  // of npos: all of it
  list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
  return support::trim(element);
}

std::optional<bool> https_by(std::string_view scheme) noexcept {
  if (same_ignoring_case(scheme, "https") || same_ignoring_case(scheme, "wss")) return true;
  if (same_ignoring_case(scheme, "http") || same_ignoring_case(scheme, "ws")) return false;
  return std::nullopt;
}

std::optional<std::string_view> checked_host(std::string_view host) noexcept {
  return is_uri_host(host) ? std::optional(host) : std::nullopt;
}

void put(const std::optional<Node>& node, ForwardedClient& client, StringPool& made) {
  if (!node) return;
  client.address = made.next().append(node->address.to_string());
  client.port = node->port;
}

std::optional<Node> last_node(const ProxyTrust& trust, std::string_view list) noexcept {
  std::optional<Node> found;
  for (int i = 0; i < kMostElements && !list.empty(); ++i) {
    const auto node = parse_listed_node(take_last(list));
    if (node) found = node;
    if (!node || !trust.trusts(node->address)) break;
  }
  return found;
}

ForwardedClient by_x_forwarded(const ProxyTrust& trust, ForwardedFields fields, StringPool& made) {
  ForwardedClient client;
  put(last_node(trust, fields.x_forwarded_for), client, made);
  client.https = https_by(take_last(fields.x_forwarded_proto));
  client.host = checked_host(take_last(fields.x_forwarded_host));
  return client;
}

ForwardedClient by_forwarded(const ProxyTrust& trust, std::string_view list, StringPool& made) {
  ForwardedClient client;
  std::optional<Node> found;
  for (int i = 0; i < kMostElements && !list.empty(); ++i) {
    const auto text = take_last_element(list);
    if (text.empty()) continue;
    const auto element = parse_forwarded_element(text, made);
    if (!element) break;
    client.https = https_by(element->proto.value_or(""));
    client.host = checked_host(element->host.value_or(""));
    const auto node = parse_node(element->client.value_or(""));
    if (node) found = node;
    if (!node || !trust.trusts(node->address)) break;
  }
  put(found, client, made);
  return client;
}

}  // namespace

bool ProxyTrust::trusts(const ip::address& address) const noexcept {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const auto& each) { return each.contains(address); });
}

bool ProxyTrust::trusts_peer(std::string_view peer) const noexcept {
  if (peer.empty()) return unix_peers;
  const auto address = support::parse_ip_address(peer.substr(0, peer.find('%')));
  return address && trusts(*address);
}

ForwardedClient find_client(const ProxyTrust& trust, std::string_view peer,
                            const ForwardedFields& fields, StringPool& made) {
  if (trust.fields == ProxyFields::forwarded) {
    if (fields.forwarded.empty() || !trust.trusts_peer(peer)) return {};
    return by_forwarded(trust, fields.forwarded, made);
  }
  const bool none = fields.x_forwarded_for.empty() && fields.x_forwarded_proto.empty() &&
                    fields.x_forwarded_host.empty();
  return none || !trust.trusts_peer(peer) ? ForwardedClient{} : by_x_forwarded(trust, fields, made);
}

}  // namespace appd::gateway
