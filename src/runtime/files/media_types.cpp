// Reads a table of media types, and has one of its own.

#include "runtime/files/media_types.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "runtime/support/ascii.hpp"
#include "runtime/support/lines.hpp"

namespace appd::files {
namespace {

using support::kBlanks;

constexpr std::string_view kBuiltIn = R"(
application/gzip gz tgz
application/json json map
application/manifest+json webmanifest
application/pdf pdf
application/rss+xml rss
application/atom+xml atom
application/wasm wasm
application/xhtml+xml xhtml
application/xml xml xsl
application/zip zip
audio/mp4 m4a
audio/mpeg mp3
audio/ogg ogg oga opus
audio/wav wav
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/avif avif
image/gif gif
image/jpeg jpg jpeg
image/png png
image/svg+xml svg
image/vnd.microsoft.icon ico
image/webp webp
text/css css
text/csv csv
text/html html htm
text/javascript js mjs
text/markdown md
text/plain txt text log
text/vtt vtt
video/mp4 mp4 m4v
video/ogg ogv
video/quicktime mov
video/webm webm
)";

/// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return support::is_letter(c) || support::is_digit(c) || kMarks.find(c) != kMarks.npos;
  });
}

bool is_type(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_token(text.substr(0, slash)) &&
         is_token(text.substr(slash + 1));
}

std::string_view take_word(std::string_view& line) noexcept {
  line = support::trim(line);
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), support::to_lower);
  return lower;
}

}  // namespace

MediaTypes::MediaTypes(std::string_view table)
    : text_(std::make_unique<const std::string>(lowered(table).append(kBuiltIn))) {
  std::string_view rest = *text_;
  while (!rest.empty()) add(support::take_line(rest));
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& one, const Entry& other) {
    return one.extension < other.extension;
  });
}

MediaTypes MediaTypes::read(const std::string& path) {
  std::string text(kLongestFile, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() == kLongestFile) text.resize(text.rfind('\n') + 1);  // a line may be cut
  return MediaTypes(text);
}

void MediaTypes::add(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const std::string_view type = take_word(line);
  if (!is_type(type)) return;
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
    if (is_token(word)) entries_.push_back({word, type});
  }
}

std::string_view MediaTypes::type_of(std::string_view name) const {
  constexpr std::string_view kUnknown = "application/octet-stream";
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return kUnknown;
  const std::string extension = lowered(name.substr(dot + 1));
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), extension,
      [](const Entry& entry, const std::string& wanted) { return entry.extension < wanted; });
  return found != entries_.end() && found->extension == extension ? found->type : kUnknown;
}

std::string content_type(std::string_view type) {
  const bool text = type.starts_with("text/") && !type.starts_with("text/xml");
  std::string value(type);
  if (text || type == "application/javascript") value += "; charset=utf-8";
  return value;
}

bool is_compressible(std::string_view type) noexcept {
  constexpr auto kOthers = std::to_array<std::string_view>(
      {"application/javascript", "application/json", "application/xml", "application/wasm",
       "font/otf", "font/ttf", "image/vnd.microsoft.icon"});
  return type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml") ||
         std::find(kOthers.begin(), kOthers.end(), type) != kOthers.end();
}

}  // namespace appd::files
