// The protocols that the load generator speaks.
#pragma once

#include <optional>
#include <string_view>

namespace appd::load {

/// What is spoken to the server. Over those whose name does not end in `_kept` (and is not plain
/// `http`) every request has a connection of its own, which the server closes.
enum class Wire { fastcgi_kept, fastcgi, uwsgi, scgi, http, http_closed };

/// "fastcgi-kept" → Wire::fastcgi_kept, and so on; nothing for any other name.
std::optional<Wire> parse_wire(std::string_view name);

/// Whether one connection carries request after request.
bool keeps_connections(Wire wire);

}  // namespace appd::load
