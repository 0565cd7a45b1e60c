// Files without a name, through which a program hands something to the one that it executes.
#pragma once

#include <string>
#include <string_view>

#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// A file in memory with these bytes; close-on-exec. `name` is for /proc only. Throws
/// std::system_error.
UniqueFd make_memory_file(const char* name, std::string_view bytes);
/// All of a file, from its beginning; its position does not matter and stays.
std::string read_from_start(const UniqueFd& file);

}  // namespace appd::support
