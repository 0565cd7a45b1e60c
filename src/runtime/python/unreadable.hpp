// Names a folder that this process's user cannot read.
#pragma once

#include <filesystem>
#include <string>

namespace appd::python {

/// "; user www-data may not read /home/me" for the first such folder on the way to `path`; "" if
/// there is none, or no such path.
std::string unreadable(const std::filesystem::path& path);

}  // namespace appd::python
