// Expands ${NAME} in values, and refuses other servers' notations.

#include "runtime/config/expansion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/support/ascii.hpp"

namespace appd::config {
namespace {

/// Their values contain strftime formats, passwords, and request paths.
constexpr std::array<std::string_view, 3> kWithPercents{"access-log-format", "env", "warmup"};

bool has_percents(std::string_view option) {
  return std::find(kWithPercents.begin(), kWithPercents.end(), option) != kWithPercents.end();
}

class Expander {
 public:
  Expander(std::string_view option, std::string_view text, const Lookup& lookup)
      : percents_(!has_percents(option)), rest_(text), lookup_(lookup) {}

  std::string expand() {
    while (!rest_.empty()) step();
    return std::move(value_);
  }

 private:
  bool at(std::string_view beginning) const { return rest_.starts_with(beginning); }

  void take(std::string_view written, std::string_view meant) {
    value_ += meant;
    rest_.remove_prefix(written.size());
  }

  void step() {
    if (at("$${")) return take("$${", "${");
    if (at("$$(")) return take("$$(", "$(");
    if (at("${")) return take_variable();
    if (at("$(")) refuse(rest_.substr(0, rest_.find(')')), ")", "$$( for a literal $(");
    if (percents_ && rest_.front() == '%') return take_percent();
    take(rest_.substr(0, 1), rest_.substr(0, 1));
  }

  void take_variable() {
    const std::size_t end = rest_.find('}');
    const std::string name(rest_.substr(2, end == std::string_view::npos ? end : end - 2));
    if (end == std::string_view::npos || !support::is_name(name)) {
      throw ExpansionError("contains ${ without NAME} after it; write $${ for a literal ${");
    }
    const char* const found = lookup_(name.c_str());
    if (found == nullptr) {
      throw ExpansionError(fmt::format("the environment variable {} is not set", name));
    }
    take(rest_.substr(0, end + 1), found);
  }

  void take_percent() {
    if (at("%%")) return take("%%", "%");
    if (at("%(")) refuse(rest_.substr(0, rest_.find(')')), ")", "%%( for a literal %(");
    if (rest_.size() > 1 && support::is_letter(rest_[1])) {
      refuse(rest_.substr(0, 2), "", fmt::format("%{0} for a literal {0}", rest_.substr(0, 2)));
    }
    take("%", "%");
  }

  [[noreturn]] void refuse(std::string_view written, std::string_view end,
                           std::string_view literal) {
    throw ExpansionError(
        fmt::format("contains {}{}, which appd does not expand; write what it stands for, or "
                    "${{NAME}} for an environment variable, or {}",
                    written, end, literal));
  }

  const bool percents_;
  std::string_view rest_;
  const Lookup& lookup_;
  std::string value_;
};

}  // namespace

std::string expand(std::string_view option, std::string_view text, const Lookup& lookup) {
  return Expander(option, text, lookup).expand();
}

std::string escape(std::string_view option, std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool opens = value.substr(i).starts_with("${") || value.substr(i).starts_with("$(");
    const bool doubled = opens || (value[i] == '%' && !has_percents(option));
    text.append(doubled ? 2 : 1, value[i]);
  }
  return text;
}

}  // namespace appd::config
