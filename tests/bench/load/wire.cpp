// Names and properties of the wires.

#include "bench/load/wire.hpp"

#include <array>
#include <utility>

namespace appd::load {

std::optional<Wire> parse_wire(std::string_view name) {
  using Entry = std::pair<std::string_view, Wire>;
  static constexpr std::array<Entry, 6> kNames{{{"fastcgi-kept", Wire::fastcgi_kept},
                                                {"fastcgi", Wire::fastcgi},
                                                {"uwsgi", Wire::uwsgi},
                                                {"scgi", Wire::scgi},
                                                {"http", Wire::http},
                                                {"http-closed", Wire::http_closed}}};
  for (const auto& [known, wire] : kNames) {
    if (known == name) return wire;
  }
  return std::nullopt;
}

bool keeps_connections(Wire wire) {
  return wire == Wire::fastcgi_kept || wire == Wire::http;
}

}  // namespace appd::load
