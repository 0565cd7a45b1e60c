// Reads and writes the PROXY protocol's header.

#include "protocol/proxy_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <utility>

#include "runtime/support/ip_address.hpp"
#include "runtime/support/port_number.hpp"

namespace appd::protocol {
namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kLineEnd = "\r\n";

// Version 2, section 2.2: the offsets of its parts, and their values.
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kCommandAt = 12;  // the version in its high half
constexpr std::size_t kFamilyAt = 13;   // in its high half; the transport in the low one
constexpr std::size_t kLengthAt = 14;
constexpr std::size_t kAddressesAt = 16;
constexpr unsigned kVersion = 2;
constexpr unsigned kLocal = 0;
constexpr unsigned kProxy = 1;
constexpr unsigned kInet6 = 2;
constexpr unsigned kUnix = 3;
constexpr unsigned kUnspecified = 0;
constexpr unsigned kStream = 1;
constexpr unsigned kDatagrams = 2;

// What the addresses of a family take, with their ports: section 2.2.
constexpr std::array<std::size_t, 4> kBlockSizes{0, 12, 36, 216};
constexpr std::array<const char*, 4> kFamilyNames{"no", "IPv4", "IPv6", "Unix"};

constexpr unsigned high_half(std::uint8_t byte) noexcept {
  return static_cast<unsigned>(byte) >> 4U;
}
constexpr unsigned low_half(std::uint8_t byte) noexcept {
  return static_cast<unsigned>(byte) & 0xFU;
}

// Takes what precedes the first space, and the space.
std::string_view take_field(std::string_view& rest) noexcept {
  const auto field = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(field.size() + 1, rest.size()));
  return field;
}

// "" if it is no address of that family.
std::string canonical(std::string_view text, bool is_v6) {
  const auto address = support::parse_ip_address(text);
  const bool as_said = (text.find(':') != std::string_view::npos) == is_v6;
  return address && as_said ? address->to_string() : std::string();
}

template <typename Address>
std::string binary_address(std::string_view bytes) {
  typename Address::bytes_type copy;
  std::memcpy(copy.data(), bytes.data(), copy.size());
  return support::unmapped(Address(copy)).to_string();
}

bool is_v6(const Endpoint& endpoint) noexcept {
  return endpoint.address.find(':') != std::string::npos;
}

}  // namespace

ProxyHeader::Result ProxyHeader::feed(std::string_view& input) {
  while (result_ == Result::need_more && !input.empty()) {
    if (to_skip_ > 0) {
      result_ = skip(input);
    } else {
      result_ = on_byte(input.front());
      input.remove_prefix(1);
    }
  }
  return result_;
}

ProxyHeader::Result ProxyHeader::on_byte(char byte) {
  collected_[size_++] = byte;
  const bool is_binary = collected_.front() == kSignature.front();
  const std::string_view begin = is_binary ? kSignature : kLineBegin;
  if (size_ > begin.size()) return is_binary ? on_binary() : on_text();
  if (byte == begin[size_ - 1]) return Result::need_more;
  return malformed("neither \"PROXY \" nor the signature of version 2", size_ - 1);
}

ProxyHeader::Result ProxyHeader::on_text() {
  const std::size_t last = size_ - 1;
  if (collected().ends_with(kLineEnd)) return on_line();
  if (collected_[last - 1] == '\r') return malformed("a CR that no LF follows", last - 1);
  if (collected_[last] == '\n') return malformed("an LF that follows no CR", last);
  if (size_ < kLongestLine) return Result::need_more;
  return malformed("no end of the line within 107 bytes", last);
}

ProxyHeader::Result ProxyHeader::on_line() {
  std::string_view rest = collected().substr(kLineBegin.size());
  rest.remove_suffix(kLineEnd.size());
  const auto family = take_field(rest);
  if (family == "UNKNOWN") return Result::done;
  if (family != "TCP4" && family != "TCP6") {
    return malformed("neither TCP4, TCP6 nor UNKNOWN", kLineBegin.size());
  }
  return on_fields({take_field(rest), take_field(rest), take_field(rest), rest}, family == "TCP6");
}

ProxyHeader::Result ProxyHeader::on_fields(const std::array<std::string_view, 4>& fields,
                                           bool is_tcp6) {
  const auto at = [&](std::string_view field) {
    return static_cast<std::size_t>(field.data() - collected_.data());
  };
  Endpoints found;
  std::size_t next = 0;
  for (auto* const end : {&found.source, &found.destination}) {
    const auto field = fields[next++];
    end->address = canonical(field, is_tcp6);
    if (end->address.empty()) {
      return malformed(is_tcp6 ? "no IPv6 address" : "no IPv4 address", at(field));
    }
  }
  for (auto* const end : {&found.source, &found.destination}) {
    const auto field = fields[next++];
    const auto number = support::port_number(field);
    if (!number) return malformed("no port of 0 to 65535", at(field));
    end->port = *number;
  }
  endpoints_ = std::move(found);
  return Result::done;
}

ProxyHeader::Result ProxyHeader::on_binary() {
  switch (size_ - 1) {
    case kCommandAt:
      return on_command();
    case kFamilyAt:
      return on_family();
    case kLengthAt + 1:
      return on_length();
    default:
      return size_ == kAddressesAt + block_size_ ? end_block() : Result::need_more;
  }
}

ProxyHeader::Result ProxyHeader::on_command() {
  const unsigned version = high_half(byte_at(kCommandAt));
  const unsigned command = low_half(byte_at(kCommandAt));
  if (version != kVersion) {
    return malformed(fmt::format("version {} after the signature of version 2", version),
                     kCommandAt);
  }
  if (command != kLocal && command != kProxy) {
    return malformed(fmt::format("command {}, neither LOCAL (0) nor PROXY (1)", command),
                     kCommandAt);
  }
  return Result::need_more;
}

ProxyHeader::Result ProxyHeader::on_family() {
  const unsigned family = high_half(byte_at(kFamilyAt));
  const unsigned transport = low_half(byte_at(kFamilyAt));
  if (is_local()) return Result::need_more;
  if (family > kUnix) return malformed(fmt::format("unknown address family {}", family), kFamilyAt);
  if (transport == kDatagrams) return malformed("datagrams instead of a stream", kFamilyAt);
  if (transport > kStream) {
    return malformed(fmt::format("unknown transport {}", transport), kFamilyAt);
  }
  return Result::need_more;
}

ProxyHeader::Result ProxyHeader::on_length() {
  const std::size_t length = number_at(kLengthAt);
  const unsigned family = is_local() ? kUnspecified : high_half(byte_at(kFamilyAt));
  const std::size_t needed = kBlockSizes[family];
  if (length < needed) {
    return malformed(fmt::format("a length of {} where {} addresses take {}", length,
                                 kFamilyNames[family], needed),
                     kLengthAt);
  }
  const bool is_tcp = low_half(byte_at(kFamilyAt)) == kStream && family != kUnix;
  block_size_ = is_tcp ? needed : 0;
  return block_size_ == 0 ? end_block() : Result::need_more;
}

ProxyHeader::Result ProxyHeader::end_block() {
  to_skip_ = number_at(kLengthAt) - block_size_;
  return to_skip_ == 0 ? end_binary() : Result::need_more;
}

ProxyHeader::Result ProxyHeader::skip(std::string_view& input) {
  const auto skipped = std::min(to_skip_, input.size());
  input.remove_prefix(skipped);
  to_skip_ -= skipped;
  return to_skip_ == 0 ? end_binary() : Result::need_more;
}

ProxyHeader::Result ProxyHeader::end_binary() {
  if (block_size_ == 0) return Result::done;
  const auto block = collected().substr(kAddressesAt);
  const bool is_inet6 = high_half(byte_at(kFamilyAt)) == kInet6;
  const auto read = is_inet6 ? binary_address<ip::address_v6> : binary_address<ip::address_v4>;
  const std::size_t size = (block_size_ - 2 * sizeof(std::uint16_t)) / 2;
  const std::size_t ports_at = kAddressesAt + 2 * size;
  endpoints_ = Endpoints{{read(block), number_at(ports_at)},
                         {read(block.substr(size)), number_at(ports_at + sizeof(std::uint16_t))}};
  return Result::done;
}

ProxyHeader::Result ProxyHeader::malformed(std::string_view what, std::size_t at) {
  problem_ =
      fmt::format("malformed PROXY protocol header: {}, at byte {} of the connection", what, at);
  return Result::malformed;
}

bool ProxyHeader::is_local() const noexcept {
  return low_half(byte_at(kCommandAt)) == kLocal;
}

std::uint16_t ProxyHeader::number_at(std::size_t at) const noexcept {
  return static_cast<std::uint16_t>(byte_at(at) << 8U | byte_at(at + 1));
}

std::string encode_proxy_header(const std::optional<Endpoints>& endpoints) {
  if (!endpoints) return "PROXY UNKNOWN\r\n";
  const auto& [source, destination] = *endpoints;
  const bool is_tcp6 = is_v6(source) || is_v6(destination);
  const auto mapped = [&](const Endpoint& end) {
    return is_tcp6 && !is_v6(end) ? "::ffff:" + end.address : end.address;
  };
  return fmt::format("PROXY {} {} {} {} {}\r\n", is_tcp6 ? "TCP6" : "TCP4", mapped(source),
                     mapped(destination), source.port, destination.port);
}

}  // namespace appd::protocol
