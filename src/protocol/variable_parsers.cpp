#include "protocol/variable_parsers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace appd::protocol {
namespace {

/// As many variables as fronts usually send: a new list need not grow on its way there.
constexpr std::size_t kUsual = 40;

constexpr const char* kCut = "is cut off by the end of the block";
constexpr const char* kNameless = "has an empty name";

/// Reads on from the front of a block; null once the block is too short.
class Cursor {
 public:
  explicit Cursor(std::string_view block) noexcept : block_(block) {}

  std::size_t offset() const noexcept { return offset_; }
  bool at_end() const noexcept { return offset_ == block_.size(); }
  std::string_view rest() const noexcept { return block_.substr(offset_); }
  void skip(std::size_t bytes) noexcept { offset_ += bytes; }

  /// FastCGI: one byte below 0x80, else four bytes, big-endian, without the top bit (section 3.4).
  std::optional<std::uint32_t> fastcgi_length() noexcept {
    if (at_end()) return std::nullopt;
    if (byte(0) < 0x80) return byte_and_skip();
    if (rest().size() < 4) return std::nullopt;
    const std::uint32_t length = (byte(0) & 0x7f) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    skip(4);
    return length;
  }

  /// uwsgi: two bytes, little-endian.
  std::optional<std::uint32_t> uwsgi_length() noexcept {
    if (rest().size() < 2) return std::nullopt;
    const std::uint32_t length = byte(0) | byte(1) << 8;
    skip(2);
    return length;
  }

 private:
  std::uint32_t byte(std::size_t index) const noexcept {
    return static_cast<unsigned char>(block_[offset_ + index]);
  }
  std::uint32_t byte_and_skip() noexcept {
    const auto value = byte(0);
    skip(1);
    return value;
  }

  std::string_view block_;
  std::size_t offset_ = 0;
};

std::uint64_t size_of(const gateway::Variable& variable) noexcept {
  return std::uint64_t{variable.name.size()} + variable.value.size();
}

/// A client chooses the names of its headers, and this one goes to log and answer.
std::string printable(std::string_view name) {
  constexpr std::size_t kShown = 64;
  std::string text(name.substr(0, kShown));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x21 || c > 0x7e; }, '?');
  if (name.size() > kShown) text += "...";
  return text;
}

}  // namespace

Unparsed parse_fastcgi_pairs(std::string_view block, std::vector<gateway::Variable>& out) {
  out.reserve(kUsual);
  Cursor cursor(block);
  while (!cursor.at_end()) {
    const auto start = cursor.offset();
    const auto name_size = cursor.fastcgi_length();
    const auto value_size = name_size ? cursor.fastcgi_length() : std::nullopt;
    if (!value_size) return {kCut, start, {}, name_size.value_or(0)};
    const auto size = std::uint64_t{*name_size} + *value_size;
    const auto rest = cursor.rest();
    if (size > rest.size()) return {kCut, start, rest.substr(0, *name_size), size};
    out.push_back({rest.substr(0, *name_size), rest.substr(*name_size, *value_size)});
    cursor.skip(size);
  }
  return {};
}

Unparsed parse_uwsgi_variables(std::string_view block, std::vector<gateway::Variable>& out) {
  out.reserve(kUsual);
  Cursor cursor(block);
  while (!cursor.at_end()) {
    const auto start = cursor.offset();
    const auto name_size = cursor.uwsgi_length();
    if (!name_size) return {kCut, start, {}, 0};
    if (*name_size == 0) return {kNameless, start, {}, 0};
    const auto name = cursor.rest().substr(0, *name_size);
    cursor.skip(name.size());
    const auto value_size = name.size() == *name_size ? cursor.uwsgi_length() : std::nullopt;
    if (!value_size) return {kCut, start, name, *name_size};
    const auto value = cursor.rest().substr(0, *value_size);
    cursor.skip(value.size());
    if (value.size() < *value_size) {
      return {kCut, start, name, std::uint64_t{*name_size} + *value_size};
    }
    out.push_back({name, value});
  }
  return {};
}

Unparsed parse_scgi_headers(std::string_view block, std::vector<gateway::Variable>& out) {
  out.reserve(kUsual);
  Cursor cursor(block);
  while (!cursor.at_end()) {
    const auto rest = cursor.rest();
    const auto name = rest.substr(0, rest.find('\0'));
    if (name.size() == rest.size()) return {kCut, cursor.offset(), name, name.size()};
    if (name.empty()) return {kNameless, cursor.offset(), {}, 0};
    const auto after_name = rest.substr(name.size() + 1);
    const auto value = after_name.substr(0, after_name.find('\0'));
    if (value.size() == after_name.size()) {
      return {kCut, cursor.offset(), name, name.size() + value.size()};
    }
    out.push_back({name, value});
    cursor.skip(name.size() + value.size() + 2);
  }
  return {};
}

std::string describe_excess(std::size_t max_params, const std::vector<gateway::Variable>& parsed,
                            const Unparsed& rest) {
  std::string_view name = rest.name;
  std::uint64_t size = rest.size;
  for (const auto& variable : parsed) {
    if (size_of(variable) <= size) continue;
    name = variable.name;
    size = size_of(variable);
  }
  return fmt::format(
      "the request's variables are larger than {} bytes (--max-params); the largest so far is {} "
      "with {} bytes",
      max_params, name.empty() ? "one whose name has not come" : printable(name), size);
}

}  // namespace appd::protocol
