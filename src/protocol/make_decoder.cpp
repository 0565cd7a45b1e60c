// Knows all decoders.

#include "protocol/make_decoder.hpp"

#include "protocol/fastcgi_decoder.hpp"
#include "protocol/scgi_decoder.hpp"
#include "protocol/uwsgi_decoder.hpp"

namespace appd::protocol {

std::unique_ptr<Decoder> make_decoder(Wire wire, const DecoderLimits& limits,
                                      gateway::BlockPool& blocks) {
  switch (wire) {
    case Wire::fastcgi:
      return std::make_unique<FastcgiDecoder>(limits, blocks);
    case Wire::uwsgi:
      return std::make_unique<UwsgiDecoder>(limits, blocks);
    case Wire::scgi:
      return std::make_unique<ScgiDecoder>(limits, blocks);
  }
  return nullptr;
}

}  // namespace appd::protocol
