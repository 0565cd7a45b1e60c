// Which files make a server for one developer reload.
#pragma once

#include <cstdint>
#include <string_view>

namespace appd::supervisor {

/// What counts in a folder.
enum class Counts : std::uint8_t {
  code,       ///< Python modules, and templates by their extension
  all_files,  ///< all but what editors leave beside a file
};

/// Whether a change of a file of that name, without its folder, counts.
bool is_watched_file(std::string_view name, Counts counts) noexcept;

/// Whether a folder of that name is looked into. Caches, version control and node_modules are not.
bool is_watched_folder(std::string_view name) noexcept;

/// What counts in a folder of that name below a folder in which `counts` does: all templates lie in
/// a folder "templates", whatever their extension.
Counts counts_below(std::string_view name, Counts counts) noexcept;

}  // namespace appd::supervisor
