// Classifies variable names: which pass, and which must not reach the application.

#include "runtime/gateway/variable_name.hpp"

#include <algorithm>
#include <array>

#include "runtime/support/ascii.hpp"

namespace appd::gateway {
namespace {

enum Class : unsigned char {
  kHeader = 1,  // [A-Z0-9_]
  kName = 2,    // visible ASCII except the dot: names with a dot belong to the server (wsgi.*)
  kToken = 4,   // RFC 9110 tchar
};

constexpr std::array<unsigned char, 256> make_classes() {
  std::array<unsigned char, 256> classes{};
  for (unsigned c = 0x21; c < 0x7f; ++c) {
    const char ch = static_cast<char>(c);
    const bool digit = support::is_digit(ch);
    const bool mark = std::string_view("!#$%&'*+-.^_`|~").find(ch) != std::string_view::npos;
    unsigned bits = 0;
    if (support::is_capital(ch) || digit || ch == '_') bits |= kHeader;
    if (ch != '.') bits |= kName;
    if (support::is_letter(ch) || digit || mark) bits |= kToken;
    classes[c] = static_cast<unsigned char>(bits);
  }
  return classes;
}

constexpr auto kClasses = make_classes();

bool all_of_class(std::string_view text, Class wanted) noexcept {
  unsigned common = wanted;
  for (const char c : text) common &= kClasses[static_cast<unsigned char>(c)];
  return common != 0 && !text.empty();
}

NameUse use_of_header(std::string_view field) noexcept {
  if (!all_of_class(field, kHeader)) return NameUse::drop;
  // CGI programs take HTTP_PROXY for their own proxy setting (httpoxy).
  if (field == "PROXY" || field == "CONTENT_TYPE") return NameUse::drop;
  if (field == "CONTENT_LENGTH") return NameUse::client_length;
  if (field == "TRANSFER_ENCODING") return NameUse::transfer_encoding;
  return NameUse::pass;
}

}  // namespace

NameUse use_of(std::string_view name) noexcept {
  if (is_header(name)) return use_of_header(name.substr(5));
  if (!all_of_class(name, kName)) return NameUse::drop;
  if (name == "UWSGI_SCHEME") return NameUse::uwsgi_scheme;
  if (name == "APPD_CONTENT_LENGTH") return NameUse::front_length;
  // In uWSGI the other UWSGI_* variables choose code, directories and files.
  if (name.starts_with("UWSGI_")) return NameUse::drop;
  // From the web server's own process environment (Apache sends its PATH).
  if (name == "PATH" || name.starts_with("LD_")) return NameUse::drop;
  if (name == "PYTHONPATH" || name == "PYTHONHOME") return NameUse::drop;
  return NameUse::pass;
}

bool is_token(std::string_view text) noexcept {
  return all_of_class(text, kToken);
}

}  // namespace appd::gateway
