// Option names of other servers, for those who migrate.
#pragma once

#include <span>
#include <string_view>

namespace appd::config {

/// An option of another server, and what appd has instead. Names that appd shares, with the same
/// meaning, are not listed.
struct ForeignOption {
  std::string_view server;  ///< "uWSGI" or "gunicorn"
  std::string_view name;
  std::string_view here;  ///< options of appd, separated by blanks; "" if there is none
  std::string_view note;  ///< a remark, or why appd has none; "" if there is nothing to say
};

std::span<const ForeignOption> foreign_options();  ///< for tests

/// Finds an option as it was typed, with "_" taken as "-". Null if no other server has it.
const ForeignOption* find_foreign(std::string_view typed);

}  // namespace appd::config
