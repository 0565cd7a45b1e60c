// Derives SCRIPT_NAME and PATH_INFO, percent-decoding what fronts left encoded.

#include "runtime/gateway/path_derivation.hpp"

#include <algorithm>
#include <string>

namespace appd::gateway {
namespace {

std::string_view concat(std::string_view first, std::string_view second, StringPool& made) {
  if (first.empty()) return second;
  if (second.empty()) return first;
  return made.next().append(first).append(second);
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that an escape at the beginning of `text` stands for, or −1.
int escaped_byte(std::string_view text) noexcept {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = hex_digit(text[1]);
  const int low = hex_digit(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string_view slash_first(std::string_view path, StringPool& made) {
  return path.empty() || path.front() == '/' ? path : concat("/", path, made);
}

// Moves the slash between the two to PATH_INFO, where WSGI wants it.
DerivedPath tidy(std::string_view script_name, std::string_view path_info, StringPool& made) {
  while (script_name.ends_with('/')) {
    script_name.remove_suffix(1);
    if (path_info.empty()) path_info = "/";
  }
  if (script_name.empty() && path_info.empty()) path_info = "/";
  return {slash_first(script_name, made), slash_first(path_info, made)};
}

bool is_below(std::string_view path, std::string_view mount) noexcept {
  return path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/');
}

DerivedPath split_at_mount(std::string_view path, std::string_view mount) noexcept {
  if (!is_below(path, mount)) return {"", path};
  return {path.substr(0, mount.size()), path.substr(mount.size())};
}

// The size of scheme and "://" in an absolute-form target; 0 for any other form.
std::size_t scheme_size(std::string_view uri) noexcept {
  const std::size_t end = uri.find("://");
  return end != std::string_view::npos && end < uri.find_first_of("/?") ? end + 3 : 0;
}

}  // namespace

std::string_view path_of(std::string_view request_uri) noexcept {
  std::string_view rest = request_uri;
  if (const std::size_t scheme = scheme_size(rest)) {
    rest.remove_prefix(scheme);
    rest.remove_prefix(std::min(rest.find_first_of("/?#"), rest.size()));
  }
  return rest.substr(0, rest.find_first_of("?#"));
}

std::string_view percent_decode(std::string_view text, StringPool& made) {
  if (text.find('%') == std::string_view::npos) return text;
  std::string& decoded = made.next();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = escaped_byte(text.substr(i));
    decoded += byte < 0 ? text[i] : static_cast<char>(byte);
    if (byte >= 0) i += 2;
  }
  return decoded;
}

DerivedPath derive_path(const PathVariables& variables, std::string_view mount,
                        bool trust_script_name, StringPool& made) {
  const std::string_view script_name = variables.script_name.value_or("");
  std::string_view path_info = variables.path_info.value_or("");
  if (script_name.empty() && path_info.empty()) {
    path_info = variables.document_uri.empty()
                    ? percent_decode(path_of(variables.request_uri), made)
                    : variables.document_uri;
  }
  const DerivedPath sent = tidy(script_name, path_info, made);
  const bool told_apart = variables.path_info && !script_name.empty();
  if (trust_script_name || (mount.empty() && told_apart)) return sent;
  const std::string_view whole = concat(sent.script_name, sent.path_info, made);
  return mount.empty() ? DerivedPath{"", whole} : split_at_mount(whole, mount);
}

}  // namespace appd::gateway
