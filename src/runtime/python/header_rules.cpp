// Checks statuses and headers, eight bytes at a time where it pays.

#include "runtime/python/header_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <system_error>

#include "runtime/gateway/exchange.hpp"
#include "runtime/gateway/variable_name.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::python {
namespace {

constexpr unsigned kFirstFinalStatus = 200;  // most fronts take a 1xx head for the final one

/// is_control for eight bytes at once: a borrow out of a byte shows that it is too small.
bool has_control(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t below_space = (bytes - kEach * 0x20) & ~bytes;
  const std::uint64_t without_delete = bytes ^ (kEach * 0x7F);
  const std::uint64_t is_delete = (without_delete - kEach) & ~without_delete;
  return ((below_space | is_delete) & (kEach * 0x80)) != 0;
}

constexpr std::array<std::string_view, 11> kServersOwn = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
    "status",
};

constexpr std::uint32_t make_lengths() {
  std::uint32_t lengths = 0;
  for (const std::string_view own : kServersOwn) lengths |= 1u << own.size();
  return lengths;
}

/// Bit n is set if one of the names has n bytes.
constexpr std::uint32_t kServersOwnLengths = make_lengths();

}  // namespace

std::optional<unsigned> parse_status(std::string_view status) noexcept {
  if (status.size() < 3 || !support::is_digits(status.substr(0, 3))) return {};
  const auto code =
      static_cast<unsigned>((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
  if (code < kFirstFinalStatus) return {};
  if (status.size() == 3) return code;
  const bool one_space = status[3] == ' ' && status.size() > 4 && status[4] != ' ';
  if (!one_space || status.back() == ' ' || !is_header_value(status)) return {};
  return code;
}

bool is_header_name(std::string_view name) noexcept {
  return gateway::is_token(name);
}

bool is_header_value(std::string_view value) noexcept {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  for (; value.size() >= kWord; value.remove_prefix(kWord)) {
    std::uint64_t bytes;
    std::memcpy(&bytes, value.data(), kWord);
    if (has_control(bytes)) return false;
  }
  return std::none_of(value.begin(), value.end(), support::is_control);
}

bool is_servers_own(std::string_view name) noexcept {
  // Most names differ in length from all of them.
  if ((kServersOwnLengths >> std::min<std::size_t>(name.size(), 31) & 1) == 0) return false;
  return std::any_of(kServersOwn.begin(), kServersOwn.end(),
                     [&](std::string_view own) { return support::same_ignoring_case(name, own); });
}

bool is_content_length(std::string_view name) noexcept {
  return support::same_ignoring_case(name, "content-length");
}

bool names_file_for_server(std::string_view name) noexcept {
  return support::same_ignoring_case(name, gateway::kFileOfSite) ||
         support::same_ignoring_case(name, gateway::kFileByPath);
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept {
  if (value.empty() || !support::is_digit(value.front())) return {};
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, length);
  if (error != std::errc{} || stop != end) return {};
  return length;
}

bool has_no_body(unsigned status) noexcept {
  return status == 204 || status == 205 || status == 304;
}

}  // namespace appd::python
