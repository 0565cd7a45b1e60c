// Splits and checks the host of a URL.

#include "runtime/gateway/uri_host.hpp"

#include <algorithm>
#include <cstddef>

#include "runtime/support/ascii.hpp"
#include "runtime/support/ip_address.hpp"
#include "runtime/support/port_number.hpp"

namespace appd::gateway {
namespace {

constexpr std::size_t kLongestName = 253;  // of 255 bytes in RFC 1035 section 2.3.4, as text

bool may_be_in_name(char c) noexcept {
  constexpr std::string_view kMarks = "-._~%!$&'()*+;=";
  return support::is_letter(c) || support::is_digit(c) || kMarks.find(c) != std::string_view::npos;
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestName &&
         std::all_of(text.begin(), text.end(), may_be_in_name);
}

bool is_ip_literal(std::string_view text) noexcept {
  if (!text.ends_with(']')) return false;
  const auto inside = text.substr(1, text.size() - 2);
  return inside.find(':') != std::string_view::npos && support::parse_ip_address(inside);
}

}  // namespace

HostAndPort split_port(std::string_view text) noexcept {
  const std::size_t last = text.find_last_of(":]");
  if (last == std::string_view::npos || text[last] == ']') return {text, std::nullopt};
  return {text.substr(0, last), text.substr(last + 1)};
}

bool is_uri_host(std::string_view text) noexcept {
  const auto [host, port] = split_port(text);
  if (port && !support::port_number(*port)) return false;
  return host.starts_with('[') ? is_ip_literal(host) : is_name(host);
}

}  // namespace appd::gateway
