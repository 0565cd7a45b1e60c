// Knows all decoders.

#include "protocol/make_decoder.hpp"

#include <utility>

#include "protocol/fastcgi_decoder.hpp"
#include "protocol/scgi_decoder.hpp"
#include "protocol/uwsgi_decoder.hpp"

namespace appd::protocol {

std::unique_ptr<Decoder> make_decoder(Wire wire, const DecoderLimits& limits,
                                      gateway::BlockPool& blocks, HttpEnds ends) {
  switch (wire) {
    case Wire::fastcgi:
      return std::make_unique<FastcgiDecoder>(limits, blocks);
    case Wire::uwsgi:
      return std::make_unique<UwsgiDecoder>(limits, blocks);
    case Wire::scgi:
      return std::make_unique<ScgiDecoder>(limits, blocks);
    case Wire::http:
      return std::make_unique<HttpDecoder>(limits, blocks, std::move(ends));
  }
  return nullptr;
}

}  // namespace appd::protocol
