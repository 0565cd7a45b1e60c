// Parses and prints listen addresses.

#include "runtime/sockets/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "runtime/support/ascii.hpp"
#include "runtime/support/unix_address.hpp"

namespace appd::sockets {
namespace {

constexpr std::string_view kSystemd = "systemd";

[[noreturn]] void reject(std::string_view text, std::string_view why) {
  throw std::invalid_argument(fmt::format(
      "{}: {}; expected /path, unix:/path, host:port, [v6]:port, @abstract or systemd:name", text,
      why));
}

UnixPath parse_path(std::string_view text, std::string_view path) {
  if (path.empty()) reject(text, "the path is empty");
  if (path.size() > support::kMostUnixName) {
    reject(text, fmt::format("the path is longer than the {} bytes that a Unix socket can have",
                             support::kMostUnixName));
  }
  return {std::string(path)};
}

std::string parse_port(std::string_view text, std::string_view port) {
  if (port.size() > 5 || !support::is_digits(port) || std::stoul(std::string(port)) > 65535)
    reject(text, "the port is not a number from 0 to 65535");
  return std::string(port);
}

TcpEndpoint parse_tcp(std::string_view text) {
  std::size_t colon = 0;
  std::string_view host;
  if (text.starts_with('[')) {
    const std::size_t end = text.find("]:");
    if (end == std::string_view::npos) reject(text, "no ]:port after the IPv6 address");
    host = text.substr(1, end - 1);
    colon = end + 1;
  } else {
    colon = text.rfind(':');
    if (colon == std::string_view::npos) reject(text, "neither a path nor host:port");
    host = text.substr(0, colon);
    if (host.find(':') != std::string_view::npos) reject(text, "an IPv6 address needs brackets");
  }
  return {std::string(host), parse_port(text, text.substr(colon + 1))};
}

/// "http" of http://host:port/
std::string_view scheme_of(std::string_view text) {
  const std::size_t end = text.find("://");
  const std::string_view scheme = text.substr(0, end == std::string_view::npos ? 0 : end);
  const bool is_word = std::all_of(scheme.begin(), scheme.end(),
                                   [](unsigned char c) { return std::isalnum(c) != 0; });
  return is_word && scheme != "unix" ? scheme : std::string_view();
}

[[noreturn]] void reject_scheme(std::string_view text, std::string_view scheme) {
  std::string_view rest = text.substr(scheme.size() + 3);
  if (!rest.starts_with('/')) rest = rest.substr(0, rest.find('/'));
  const bool is_http = scheme == "http" || scheme == "https";
  throw std::invalid_argument(fmt::format(
      "{}: an address must not begin with {}://{}; write {}", text, scheme,
      is_http ? "; appd speaks FastCGI, uwsgi or SCGI with a front server that speaks HTTP" : "",
      rest));
}

}  // namespace

Address parse_address(std::string_view text) {
  if (const std::string_view scheme = scheme_of(text); !scheme.empty()) reject_scheme(text, scheme);
  if (text == kSystemd) return PassedName{};
  if (text.starts_with(kSystemd) && text[kSystemd.size()] == ':') {
    if (text.size() == kSystemd.size() + 1) reject(text, "the name is empty");
    return PassedName{std::string(text.substr(kSystemd.size() + 1))};
  }
  if (text.starts_with("unix:")) return parse_path(text, text.substr(5));
  if (text.starts_with('@')) {
    if (text.size() == 1) reject(text, "the abstract name is empty");
    if (text.size() - 1 > support::kMostUnixName) reject(text, "the abstract name is too long");
    return AbstractName{std::string(text.substr(1))};
  }
  if (text.find('/') != std::string_view::npos) return parse_path(text, text);
  return parse_tcp(text);
}

std::string to_string(const Address& address) {
  if (const auto* path = std::get_if<UnixPath>(&address)) return path->path;
  if (const auto* name = std::get_if<AbstractName>(&address)) return "@" + name->name;
  if (const auto* passed = std::get_if<PassedName>(&address)) {
    return fmt::format("{}{}{}", kSystemd, passed->name.empty() ? "" : ":", passed->name);
  }
  const auto& tcp = std::get<TcpEndpoint>(address);
  const bool v6 = tcp.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", tcp.host, v6 ? "]" : "", tcp.port);
}

}  // namespace appd::sockets
