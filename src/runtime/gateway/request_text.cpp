// Formats a request for the log, without bytes that could end the line.

#include "runtime/gateway/request_text.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <string_view>

#include "runtime/support/ascii.hpp"

namespace appd::gateway {
namespace {

constexpr std::size_t kLongestMethod = 32;
constexpr std::size_t kLongestUri = 256;

void append(std::string& out, std::string_view text, std::size_t longest) {
  if (text.empty()) out.push_back('?');
  for (const char c : text.substr(0, longest)) {
    if (support::is_control(c))
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    else
      out.push_back(c);
  }
  if (text.size() > longest) out += "...";
}

}  // namespace

std::string request_text(const Request& request) {
  std::string text;
  append(text, request.method(), kLongestMethod);
  text.push_back(' ');
  append(text, request.uri(), kLongestUri);
  return text;
}

std::string message_about(const Request& request, std::string_view what) {
  std::string text = request_text(request);
  text.append(": ").append(what);
  return text;
}

}  // namespace appd::gateway
