// Counts the files of a folder that the process has open.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>

#include "fakes/temporary_folder.hpp"

namespace appd::test {

/// Files in the folder that are open, also those without a name.
inline std::size_t open_files(const TemporaryFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.starts_with(folder.path() + "/")) ++count;
  }
  return count;
}

}  // namespace appd::test
