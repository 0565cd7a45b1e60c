// Recognises FastCGI, uwsgi, SCGI, HTTP and TLS by their first bytes.

#include <algorithm>
#include <array>

#include "protocol/decoder.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::protocol {
namespace {

constexpr unsigned char kFastcgiVersion = 0x01;
constexpr unsigned char kTlsHandshake = 0x16;
constexpr char kTlsMajorVersion = 0x03;

/// uwsgi's meaningful modifier1 values, without those that begin another protocol (digits, capital
/// letters). 22 is also TLS's first byte.
constexpr std::array<unsigned char, 37> kModifiers{
    0,  5,  6,  7,  8,  9,  10, 14, 15,  17,  18,  22,  23,  24,  25,  26,  27,  28, 30,
    31, 32, 33, 95, 96, 97, 98, 99, 100, 101, 109, 110, 111, 123, 173, 200, 224, 255};

bool is_modifier(unsigned char byte) noexcept {
  return std::binary_search(kModifiers.begin(), kModifiers.end(), byte);
}

constexpr Sniffed found(Wire wire) noexcept {
  return {Sniffed::Kind::wire, wire};
}
constexpr Sniffed other(Sniffed::Kind kind) noexcept {
  return {kind, Wire::fastcgi};
}

}  // namespace

Sniffed sniff(std::string_view first_bytes) noexcept {
  if (first_bytes.empty()) return {};
  const char first = first_bytes.front();
  const auto byte = static_cast<unsigned char>(first);
  if (byte == kFastcgiVersion) return found(Wire::fastcgi);
  if (support::is_digit(first)) return found(Wire::scgi);
  if (byte != kTlsHandshake && is_modifier(byte)) return found(Wire::uwsgi);
  if (byte != kTlsHandshake && !support::is_capital(first)) return other(Sniffed::Kind::unknown);

  if (first_bytes.size() < 2) return {};
  const char second = first_bytes[1];
  if (byte == kTlsHandshake) {
    return second == kTlsMajorVersion ? other(Sniffed::Kind::tls) : found(Wire::uwsgi);
  }
  // After its first letter every method has a capital, or a dash as in M-SEARCH.
  const bool is_method = support::is_capital(second) || second == '-';
  return other(is_method ? Sniffed::Kind::http : Sniffed::Kind::unknown);
}

}  // namespace appd::protocol
