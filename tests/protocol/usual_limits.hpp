// Limits of decoders as most tests want them.
#pragma once

#include "protocol/decoder.hpp"

namespace appd::protocol::testing {

/// Far above what the tests send.
inline constexpr DecoderLimits kUsualLimits{.max_params = 256 * 1024};

}  // namespace appd::protocol::testing
