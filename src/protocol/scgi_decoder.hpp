// The decoder of SCGI connections.
#pragma once

#include <string>

#include "protocol/single_request_decoder.hpp"

namespace appd::protocol {

/// An SCGI request: the headers as a netstring ("24:CONTENT_LENGTH<NUL>0<NUL>…,"), then the body.
/// CONTENT_LENGTH must come first. A missing SCGI=1 is tolerated, since fronts can be set to omit
/// it.
class ScgiDecoder final : public SingleRequestDecoder {
 public:
  ScgiDecoder(const DecoderLimits& limits, gateway::BlockPool& blocks) noexcept
      : SingleRequestDecoder(limits, blocks) {}

 private:
  Event on_head(std::string_view& input) override;
  Event on_length(std::string_view& input);
  Event on_block(std::string_view& input);
  Event malformed(std::string_view what, std::uint64_t at);

  std::string digits_;
  bool length_known_ = false;
  std::size_t block_size_ = 0;
};

}  // namespace appd::protocol
