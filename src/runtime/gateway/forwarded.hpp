// Who the client of a request is, by what trusted proxies say.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/gateway/string_pool.hpp"
#include "runtime/support/ip_network.hpp"

namespace appd::gateway {

/// Which fields of a request are read: one family only. A proxy overwrites or extends the fields
/// that it knows, and passes on the others as its client wrote them. Were both families believed, a
/// client could speak through the one that its proxy does not know.
enum class ProxyFields : std::uint8_t {
  x_forwarded,  ///< X-Forwarded-For, -Proto and -Host
  forwarded,    ///< Forwarded, RFC 7239
};

/// The operator's decisions about proxies.
struct ProxyTrust {
  ProxyFields fields = ProxyFields::x_forwarded;
  std::vector<support::IpNetwork> networks;  ///< of the proxies that are trusted
  bool unix_peers = false;                   ///< so is whoever connects to a Unix socket

  bool trusts(const boost::asio::ip::address& address) const noexcept;
  /// `peer` is the text of an address, perhaps with an interface (fe80::1%eth0); "" for a Unix
  /// socket.
  bool trusts_peer(std::string_view peer) const noexcept;
};

/// The values as sent, those of repeated fields joined by commas in their order. "" if there is
/// none.
struct ForwardedFields {
  std::string_view x_forwarded_for;
  std::string_view x_forwarded_proto;
  std::string_view x_forwarded_host;
  std::string_view forwarded;
};

/// What is known of a client through proxies. What is std::nullopt is as if there was no proxy: the
/// address is the peer's, the scheme the connection's, the host that of the field Host.
struct ForwardedClient {
  std::optional<std::string_view> address;  ///< canonical, no brackets; IPv4-mapped as IPv4
  std::optional<std::uint16_t> port;        ///< if it stands beside the address
  std::optional<bool> https;
  std::optional<std::string_view> host;  ///< host or host:port, see is_uri_host
};

/// Finds the client of a request from `peer`. If the peer is not trusted, nothing is believed.
///
/// The address: each proxy adds the one it was connected from to the right end. So the list is
/// walked from there for as long as the addresses are trusted ones. The first that is not trusted
/// is the client's, or else the leftmost. What is no address (`unknown`, `_hidden`, nothing,
/// garbage) ends the walk; then it is the one to the right of it, if there is one. At most 100
/// elements are looked at. Empty elements of Forwarded are passed over (RFC 9110 section 5.6.1); in
/// X-Forwarded-For, which has no grammar, an empty one may be an address that a proxy did not know.
///
/// Scheme and host from Forwarded: those beside the last address that was looked at, even if it is
/// none: a trusted proxy wrote all of that element. A malformed element counts for nothing.
///
/// Scheme and host from X-Forwarded-*: the rightmost element, which is the word of the nearest
/// proxy that sets the field. Nothing ties the elements of one such field to those of another: some
/// proxies add to one of them, overwrite the next and pass on the third. A client that sends an
/// element itself could shift its own to the place of the chosen address. Proxies in a row should
/// therefore pass on what the outermost one has set.
///
/// The scheme is http or https; ws and wss, which proxies say of a WebSocket's handshake, count as
/// these. Any other scheme, and what is no host, are ignored.
///
/// The result views `fields` and strings in `made`. Costs a few comparisons if there are none of
/// these fields.
ForwardedClient find_client(const ProxyTrust& trust, std::string_view peer,
                            const ForwardedFields& fields, StringPool& made);

}  // namespace appd::gateway
