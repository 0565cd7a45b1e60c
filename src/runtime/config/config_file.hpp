// Reads the ini file of --config.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/support/account.hpp"

namespace appd::config {

/// One `key = value` of a file. Neither is validated; the key is not empty.
struct FileEntry {
  std::string key;
  std::string value;
  unsigned line;
};

/// The entries of section [appd] in an ini text, in order. Lines that begin with # or ; are
/// comments. `name` is the file's name, for errors. Throws ConfigError for another section, a key
/// outside the section, and any other line.
std::vector<FileEntry> parse_ini(std::string_view text, const std::string& name);

/// The same, but passes each error to `tell` and goes on with the next line.
std::vector<FileEntry> parse_ini(std::string_view text, const std::string& name,
                                 const std::function<void(const std::string&)>& tell);

/// The content of a file. Throws ConfigError if it cannot be read. For `account` see
/// support::open_for.
std::string read_file(const std::string& name, const support::Account* account = nullptr);

}  // namespace appd::config
