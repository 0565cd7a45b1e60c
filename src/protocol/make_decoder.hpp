// Makes the decoder of a wire.
#pragma once

#include <memory>

#include "protocol/decoder.hpp"
#include "protocol/http_decoder.hpp"
#include "runtime/gateway/block_pool.hpp"

namespace appd::protocol {

/// Arriving variables use memory of `blocks`. The pool must exist whenever the decoder is called,
/// but may be destroyed before the decoder. `ends` are for HTTP; fronts tell them with each
/// request.
std::unique_ptr<Decoder> make_decoder(Wire wire, const DecoderLimits& limits,
                                      gateway::BlockPool& blocks, HttpEnds ends = {});

}  // namespace appd::protocol
