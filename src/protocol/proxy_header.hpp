// The PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace appd::protocol {

struct Endpoint {
  std::string address;  ///< canonical; an IPv4-mapped IPv6 address as IPv4
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// Both ends of the connection that a proxy has accepted.
struct Endpoints {
  Endpoint source;  ///< the client
  Endpoint destination;

  bool operator==(const Endpoints&) const = default;
};

/// Reads the header that a proxy sends before all else, once per connection: sans-IO, one thread,
/// no clock, no log. The outcome does not depend on how the input is split. Stores 107 bytes at
/// most, whatever length is declared.
///
/// Anyone can write such a header. So whether a connection begins with one is a matter of
/// configuration, never of its first bytes.
///
/// Version 2's additions to the addresses (TLVs) are counted and skipped, up to the 64 KiB that can
/// be declared: they cost no memory, and some are as long as a client's certificate. Their CRC32C
/// is skipped too. It would find faults of memory that TCP's checksum does not; it proves nothing
/// about the sender.
class ProxyHeader {
 public:
  enum class Result : std::uint8_t { need_more, done, malformed };

  /// Takes bytes off the front of `input`, but none that follow the header. After `done` and
  /// `malformed` it takes nothing, and says the same again.
  Result feed(std::string_view& input);

  /// After `done`. std::nullopt if the connection's own addresses count: the proxy speaks for
  /// itself (LOCAL), or its client has no IP address that it knows (UNKNOWN, AF_UNSPEC, AF_UNIX).
  const std::optional<Endpoints>& endpoints() const noexcept { return endpoints_; }

  /// After `malformed`: a sentence for the log, with the byte's offset.
  const std::string& problem() const noexcept { return problem_; }

 private:
  static constexpr std::size_t kLongestLine = 107;  // section 2.1

  Result on_byte(char byte);
  Result on_text();
  Result on_line();
  Result on_fields(const std::array<std::string_view, 4>& fields, bool is_tcp6);
  Result on_binary();
  Result on_command();
  Result on_family();
  Result on_length();
  Result end_block();
  Result skip(std::string_view& input);
  Result end_binary();
  Result malformed(std::string_view what, std::size_t at);

  std::string_view collected() const noexcept { return {collected_.data(), size_}; }
  std::uint8_t byte_at(std::size_t at) const noexcept {
    return static_cast<std::uint8_t>(collected_[at]);
  }
  std::uint16_t number_at(std::size_t at) const noexcept;
  bool is_local() const noexcept;

  Result result_ = Result::need_more;
  std::array<char, kLongestLine> collected_{};  // version 2: up to the end of `block_size_`
  std::size_t size_ = 0;                        // of what is collected
  std::size_t block_size_ = 0;  // of version 2's addresses and ports; 0 if they are skipped
  std::size_t to_skip_ = 0;     // bytes of version 2 after what is collected
  std::optional<Endpoints> endpoints_;
  std::string problem_;
};

/// The header of version 1 that says the same. A connection that is handed to another worker begins
/// with it there.
std::string encode_proxy_header(const std::optional<Endpoints>& endpoints);

}  // namespace appd::protocol
