// Unnamed files for bodies and responses that do not fit in memory.
#pragma once

#include <string>

#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Opens an unnamed file in `folder` for reading and writing; it is gone once its descriptor is
/// closed. Returns an empty descriptor on failure; errno says why.
support::UniqueFd open_spool_file(const std::string& folder) noexcept;

}  // namespace appd::net
