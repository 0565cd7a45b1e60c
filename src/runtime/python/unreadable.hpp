#pragma once

#include <filesystem>
#include <string>

namespace appd::python {

/// "; user www-data may not read /home/me", of the first on the way to `path` for which that is so;
/// "" when there is none, or no such path.
std::string unreadable(const std::filesystem::path& path);

}  // namespace appd::python
