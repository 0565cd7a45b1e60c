#pragma once

#include <span>
#include <string_view>

namespace appd::config {

/// What other servers call things, for those who come from there. Names that appd has too, and
/// that mean the same, are not among them.
struct ForeignOption {
  std::string_view server;  ///< "uWSGI" or "gunicorn"
  std::string_view name;
  std::string_view here;  ///< options of appd's, with blanks between them; "": none
  std::string_view note;  ///< what else is to say, or why there is none; "": nothing
};

std::span<const ForeignOption> foreign_options();

/// The option as it is typed, with "_" for "-" too; null when no other server has it.
const ForeignOption* find_foreign(std::string_view typed);

}  // namespace appd::config
