// Makes the decoder of a wire.

#include "protocol/decoder.hpp"

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

std::string_view name(Wire wire) noexcept {
  switch (wire) {
    case Wire::fastcgi:
      return "FastCGI";
    case Wire::uwsgi:
      return "uwsgi";
    case Wire::scgi:
      return "SCGI";
  }
  return {};
}

}  // namespace appd::protocol
