// What the completions of all shells have in common.
#pragma once

#include <string>
#include <string_view>

#include "runtime/config/option_table.hpp"

namespace appd::reference {

/// What a shell offers for an option's value.
enum class Offer { nothing, words, files, python_files, folders, users, groups };

/// By the option's words, or else by the name of its argument.
Offer offer_of(const config::Option& option);

/// The first sentence of a help, without its full stop.
std::string_view summary(std::string_view help);

/// In single quotes, with `escape` for a single quote in it.
std::string quote(std::string_view text, std::string_view escape);

/// "reload upgrade", with another separator.
std::string verb_names(std::string_view separator);

}  // namespace appd::reference
