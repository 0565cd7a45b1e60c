// The names of the wires. Each wire has a decoder of its own, such as fastcgi_decoder.cpp.

#include "protocol/decoder.hpp"

namespace appd::protocol {

std::string_view name(Wire wire) noexcept {
  switch (wire) {
    case Wire::fastcgi:
      return "FastCGI";
    case Wire::uwsgi:
      return "uwsgi";
    case Wire::scgi:
      return "SCGI";
    case Wire::http:
      return "HTTP";
  }
  return {};
}

}  // namespace appd::protocol
