// The decoder of uwsgi connections.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/single_request_decoder.hpp"

namespace appd::protocol {

/// A uwsgi packet: modifier1 (u8), size of the variables (u16, little-endian), modifier2 (u8), the
/// variables; then the body. Serves WSGI requests (modifiers 0 and 30; 30 cuts SCRIPT_NAME off
/// PATH_INFO) and the ping. The other modifiers control a uWSGI server or are for other languages;
/// they are refused.
class UwsgiDecoder final : public SingleRequestDecoder {
 public:
  UwsgiDecoder(const DecoderLimits& limits, gateway::BlockPool& blocks) noexcept
      : SingleRequestDecoder(limits, blocks) {}

 private:
  Event on_head(std::string_view& input) override;
  Event on_block();

  std::uint8_t header_byte(std::size_t index) const noexcept {
    return static_cast<std::uint8_t>(header_[index]);
  }
  std::uint8_t modifier() const noexcept { return header_byte(0); }
  std::size_t block_size() const noexcept {
    return static_cast<std::size_t>(header_byte(1) | header_byte(2) << 8);
  }

  std::string header_;
};

}  // namespace appd::protocol
