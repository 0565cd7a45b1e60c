// Makes room for the descriptors of many connections.
#pragma once

#include <cstddef>

namespace appd::load {

/// Lets this process have `count` connections open at a time, and the few files that it needs
/// besides. Throws std::runtime_error when the system forbids it.
void allow_connections(std::size_t count);

}  // namespace appd::load
