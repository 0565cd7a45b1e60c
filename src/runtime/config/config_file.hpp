#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/support/account.hpp"

namespace appd::config {

/// One `key = value` of a file; neither is checked but for being there.
struct FileEntry {
  std::string key;
  std::string value;
  unsigned line;
};

/// The entries of an ini text's section [appd], in order. Lines that begin with # or ; are
/// comments. `name` is the file's, for errors. Throws ConfigError for another section, a key
/// outside of the section, and a line that is none of these.
std::vector<FileEntry> parse_ini(std::string_view text, const std::string& name);

/// The same, but of what is refused it is only told, and the next line is read.
std::vector<FileEntry> parse_ini(std::string_view text, const std::string& name,
                                 const std::function<void(const std::string&)>& tell);

/// The file's content; throws ConfigError when it cannot be read. `account`: see support::open_for.
std::string read_file(const std::string& name, const support::Account* account = nullptr);

}  // namespace appd::config
