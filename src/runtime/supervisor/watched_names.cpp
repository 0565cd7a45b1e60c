// Judges files and folders by their names.

#include "runtime/supervisor/watched_names.hpp"

#include <algorithm>
#include <array>

namespace appd::supervisor {
namespace {

constexpr std::array<std::string_view, 14> kExtensions{
    ".py",   ".html", ".htm",  ".xhtml", ".jinja", ".jinja2", ".j2",
    ".mako", ".pt",   ".tmpl", ".tpl",   ".mo",    ".so",     ".wsgi"};
constexpr std::array<std::string_view, 3> kFolders{"__pycache__", "node_modules", "site-packages"};

/// Vim writes a file 4913 to see whether it can; others begin with a dot or end with "~".
bool is_editors(std::string_view name) noexcept {
  return name.empty() || name.front() == '.' || name.front() == '#' || name.back() == '~' ||
         name == "4913" || name.ends_with(".pyc") || name.ends_with(".tmp");
}

}  // namespace

bool is_watched_file(std::string_view name, Counts counts) noexcept {
  if (is_editors(name)) return false;
  return counts == Counts::all_files ||
         std::any_of(kExtensions.begin(), kExtensions.end(),
                     [name](std::string_view end) { return name.ends_with(end); });
}

bool is_watched_folder(std::string_view name) noexcept {
  return !name.empty() && name.front() != '.' &&
         std::find(kFolders.begin(), kFolders.end(), name) == kFolders.end();
}

Counts counts_below(std::string_view name, Counts counts) noexcept {
  return name == "templates" ? Counts::all_files : counts;
}

}  // namespace appd::supervisor
