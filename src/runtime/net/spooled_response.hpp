// Puts a response that memory has no room for into a file.
#pragma once

#include <sys/uio.h>

#include <optional>
#include <span>

#include "runtime/net/outgoing_item.hpp"
#include "runtime/net/outgoing_memory.hpp"

namespace appd::net {

/// Writes framed bytes of a response to an unnamed file, which counts against the quota of `memory`
/// for as long as the item lives. Returns std::nullopt if there is no room, and reports that.
std::optional<OutgoingItem> spool_response(std::span<const iovec> parts, OutgoingMemory& memory);

}  // namespace appd::net
