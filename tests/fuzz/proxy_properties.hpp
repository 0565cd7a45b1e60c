// Properties of what proxies say, before a connection and in a request, that hold for every input.
#pragma once

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>

#include "fuzz/choices.hpp"
#include "protocol/proxy_bytes.hpp"
#include "runtime/gateway/forwarded.hpp"

/// What must hold for every input. Each function gives "", or what does not hold.
namespace appd::fuzz {

inline bool is_canonical(const std::string& text) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(text, error);
  if (error || address.to_string() != text) return false;
  return address.is_v4() || !address.to_v6().is_v4_mapped();
}

/// A header is the same in one piece and in small ones, and when it is encoded again.
inline std::string check_proxy_header(std::string_view input) {
  using protocol::testing::feed_proxy_header;
  using Result = protocol::ProxyHeader::Result;
  const std::size_t chunk = 1 + Choices(input).byte() % 32;
  input.remove_prefix(std::min<std::size_t>(input.size(), 1));
  const auto whole = feed_proxy_header(input);
  if (!(whole == feed_proxy_header(input, chunk, chunk))) return "it depends on how it is cut";
  if ((whole.result == Result::malformed) == whole.problem.empty()) return "a wrong problem";
  if (whole.result == Result::need_more && whole.taken != input.size()) return "bytes are left";
  if (whole.result != Result::done) return whole.endpoints ? "endpoints too early" : "";

  const auto encoded = protocol::encode_proxy_header(whole.endpoints);
  const auto again = feed_proxy_header(encoded + "x");
  if (again.taken != encoded.size() || again.endpoints != whole.endpoints) return "not the same";
  if (!whole.endpoints) return {};
  const auto& [source, destination] = *whole.endpoints;
  return is_canonical(source.address) && is_canonical(destination.address) ? "" : "not canonical";
}

/// A client through proxies, copied out of what it views.
struct Told {
  std::string address, host;
  std::optional<std::uint16_t> port;
  std::optional<bool> https;

  bool operator==(const Told&) const = default;
};

inline Told told(const gateway::ProxyTrust& trust, std::string_view peer, std::string_view first,
                 std::string_view second = {}) {
  gateway::StringPool made;
  const bool is_x = trust.fields == gateway::ProxyFields::x_forwarded;
  const gateway::ForwardedFields fields{is_x ? first : "", second, second, is_x ? "" : first};
  const auto client = gateway::find_client(trust, peer, fields, made);
  return {std::string(client.address.value_or("")), std::string(client.host.value_or("")),
          client.port, client.https};
}

/// What is found is an address and a host. Nothing that precedes what a proxy has added changes it.
inline std::string check_forwarded(std::string_view input) {
  Choices choices(input);
  const bool is_x = choices.byte() % 2 == 0;
  input.remove_prefix(std::min<std::size_t>(input.size(), 1));
  const gateway::ProxyTrust trust{
      is_x ? gateway::ProxyFields::x_forwarded : gateway::ProxyFields::forwarded,
      {support::IpNetwork::parse("10.0.0.0/8").value()}};
  const auto client = told(trust, "10.0.0.1", input, input);
  if (!client.address.empty() && !is_canonical(client.address)) return "no canonical address";
  if (client.address.empty() && client.port) return "a port without an address";
  if (client.host.find_first_of(" \t\r\n/\\@,\"<>?#") != std::string::npos) return "no host";
  if (!(told(trust, "192.0.2.1", input, input) == Told{})) return "a stranger is believed";

  const std::string name = is_x ? "" : "for=";
  const std::string list = std::string(input) + ',' + name;
  if (told(trust, "10.0.0.1", list + "192.0.2.1").address != "192.0.2.1") return "not its proxy's";
  if (std::count(input.begin(), input.end(), ',') > 90) return {};
  const auto behind = told(trust, "10.0.0.1", list + "10.0.0.2").address;
  return behind == (client.address.empty() ? "10.0.0.2" : client.address) ? "" : "not one further";
}

}  // namespace appd::fuzz
