// Parses the value of --module.

#include "runtime/python/application_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/python/load_error.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::python {
namespace {

constexpr std::string_view kCall = "()";

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw LoadError(fmt::format("'{}' does not name an application: {}; write module:callable, "
                              "module:factory(), module, or the path of a .py or .wsgi file",
                              text, why),
                  "");
}

/// Django calls a module "site.wsgi", and Apache's users a file. It is a file if one exists.
bool is_path(std::string_view module) {
  if (module.find('/') != std::string_view::npos || module.ends_with(".py")) return true;
  std::error_code ignored;
  return module.ends_with(".wsgi") && std::filesystem::exists(module, ignored);
}

std::vector<std::string> split_at_dots(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t dot = text.find('.');
    parts.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    text.remove_prefix(dot + 1);
  }
}

/// Letters beyond ASCII may be in identifiers. If they may not, the import or look-up fails later.
bool is_identifier(std::string_view part) {
  const auto fits = [](char c) {
    return support::is_letter(c) || support::is_digit(c) || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  return !part.empty() && !support::is_digit(part[0]) &&
         std::all_of(part.begin(), part.end(), fits);
}

bool is_dotted_name(const std::vector<std::string>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [](const auto& part) { return is_identifier(part); });
}

void parse_object(std::string_view object, ApplicationName& name) {
  name.is_factory = object.ends_with(kCall);
  if (name.is_factory) object.remove_suffix(kCall.size());
  name.object = split_at_dots(object);
  if (!is_dotted_name(name.object))
    refuse(name.text, fmt::format("'{}' is not the name of an object", object));
}

}  // namespace

ApplicationName parse_application_name(std::string_view text) {
  ApplicationName name;
  name.text = text;
  const std::size_t colon = text.rfind(':');
  name.module = text.substr(0, colon);
  name.is_file = is_path(name.module);
  if (!name.is_file && !is_dotted_name(split_at_dots(name.module)))
    refuse(text, fmt::format("'{}' is not the name of a module", name.module));
  if (colon != std::string_view::npos) parse_object(text.substr(colon + 1), name);
  return name;
}

}  // namespace appd::python
