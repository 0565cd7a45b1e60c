// Writes options and their values in the language of fish.

#include "reference/fish_completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reference/completion.hpp"
#include "runtime/config/verbs.hpp"

namespace appd::reference::fish {
namespace {

using config::Option;

std::string in_quotes(std::string_view text) {
  return quote(text, "\\'");
}

std::string offer(const Option& option) {
  switch (offer_of(option)) {
    case Offer::nothing:
    case Offer::files:
      return "";
    case Offer::words:
      return fmt::format(" -a '{}'", fmt::join(option.words, " "));
    case Offer::python_files:
      return " -a '(__appd_python_files)'";
    case Offer::folders:
      return " -a '(__appd_folders)'";
    case Offer::users:
      return " -a '(__fish_complete_users)'";
    case Offer::groups:
      return " -a '(__fish_complete_groups)'";
  }
  return "";
}

/// What may follow: -r a value, -F also any file, -x a value and never a file.
std::string value(const Option& option) {
  if (option.takes_value()) return offer_of(option) == Offer::files ? " -r -F" : " -x";
  return "";
}

std::string describe(const Option& option) {
  const std::string_view condition = option.finds_master ? "" : " -n 'not __appd_asks'";
  return fmt::format("complete -c appd{} -l {}{}{} -d {}\n", condition, option.name, value(option),
                     offer(option), in_quotes(summary(option.help)));
}

}  // namespace

std::string verbs() {
  std::string out;
  for (const config::Verb& verb : config::verbs()) {
    out += fmt::format("complete -c appd -n __appd_begins -a {} -d {}\n", verb.name,
                       in_quotes(summary(verb.help)));
  }
  return out;
}

std::string options() {
  std::string out;
  for (const Option& option : config::option_table()) out += describe(option);
  return out;
}

}  // namespace appd::reference::fish
