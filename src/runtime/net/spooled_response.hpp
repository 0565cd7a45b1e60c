// What memory has no room for goes into a file.
#pragma once

#include <sys/uio.h>

#include <optional>
#include <span>

#include "runtime/net/outgoing_item.hpp"
#include "runtime/net/outgoing_memory.hpp"

namespace appd::net {

/// Writes framed bytes of a response to an unnamed file, which takes of the memory's quota for as
/// long as the item lives. std::nullopt if there is no room, which it reports.
std::optional<OutgoingItem> spool_response(std::span<const iovec> parts, OutgoingMemory& memory);

}  // namespace appd::net
