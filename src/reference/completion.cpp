// Decides what the shells offer.

#include "reference/completion.hpp"

#include <algorithm>
#include <utility>

#include "runtime/config/verbs.hpp"

namespace appd::reference {
namespace {

constexpr std::pair<std::string_view, Offer> kArguments[] = {
    {"ADDRESS", Offer::files}, {"APP", Offer::python_files}, {"DIR", Offer::folders},
    {"FILE", Offer::files},    {"GROUP", Offer::groups},     {"PATH", Offer::files},
    {"USER", Offer::users}};

}  // namespace

Offer offer_of(const config::Option& option) {
  if (!option.words.empty()) return Offer::words;
  for (const auto& [argument, offer] : kArguments) {
    if (argument == option.argument) return offer;
  }
  return Offer::nothing;
}

std::string_view summary(std::string_view help) {
  help = help.substr(0, help.find(". "));
  return help.substr(0, help.find_last_not_of('.') + 1);
}

std::string quote(std::string_view text, std::string_view escape) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string verb_names(std::string_view separator) {
  std::string names;
  for (const config::Verb& verb : config::verbs()) {
    if (!names.empty()) names += separator;
    names += verb.name;
  }
  return names;
}

}  // namespace appd::reference
