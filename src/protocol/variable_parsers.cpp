// Parses the variable blocks of the three wires; the decoders refuse what is too large.

#include "protocol/variable_parsers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace appd::protocol {
namespace {

/// As many variables as fronts usually send, so that a new list need not grow.
constexpr std::size_t kUsual = 40;

constexpr const char* kCut = "is cut off by the end of the block";
constexpr const char* kNameless = "has an empty name";

/// Reads from the front of a block. Each member takes what it returns, or nothing if the block is
/// too short.
class Cursor {
 public:
  explicit Cursor(std::string_view block) noexcept
      : begin_(block.data()), at_(begin_), end_(begin_ + block.size()) {}

  std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  bool at_end() const noexcept { return at_ == end_; }

  /// At most this many bytes.
  std::string_view text(std::size_t size) noexcept {
    const std::string_view taken(at_, std::min(size, left()));
    at_ += taken.size();
    return taken;
  }

  /// FastCGI: one byte below 0x80, else four bytes, big-endian, without the top bit (section 3.4).
  bool fastcgi_length(std::size_t& length) noexcept {
    if (at_end()) return false;
    if (byte(0) < 0x80) {
      length = byte(0);
      ++at_;
      return true;
    }
    if (left() < 4) return false;
    length = (byte(0) & 0x7f) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    at_ += 4;
    return true;
  }

  /// uwsgi: two bytes, little-endian.
  bool uwsgi_length(std::size_t& length) noexcept {
    if (left() < 2) return false;
    length = byte(0) | byte(1) << 8;
    at_ += 2;
    return true;
  }

  /// SCGI: text up to a zero byte, which is taken too. False if there is none; then `text` is the
  /// remainder, which is not taken.
  bool terminated(std::string_view& text) noexcept {
    const void* const zero = std::memchr(at_, 0, left());
    const char* const stop = zero != nullptr ? static_cast<const char*>(zero) : end_;
    text = {at_, static_cast<std::size_t>(stop - at_)};
    if (zero == nullptr) return false;
    at_ = stop + 1;
    return true;
  }

 private:
  std::size_t byte(std::size_t index) const noexcept {
    return static_cast<unsigned char>(at_[index]);
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
};

std::uint64_t size_of(const gateway::Variable& variable) noexcept {
  return std::uint64_t{variable.name.size()} + variable.value.size();
}

/// Clients choose the names of their headers, and this one goes into log and response.
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
  while (!cursor.at_end() && !are_too_many(out)) {
    const std::size_t start = cursor.offset();
    std::size_t name_size = 0;
    std::size_t value_size = 0;
    if (!cursor.fastcgi_length(name_size) || !cursor.fastcgi_length(value_size)) {
      return {kCut, start, {}, name_size};
    }
    const auto size = std::uint64_t{name_size} + value_size;
    const bool whole = size <= cursor.left();
    const std::string_view name = cursor.text(name_size);
    if (!whole) return {kCut, start, name, size};
    out.push_back({name, cursor.text(value_size)});
  }
  return {};
}

Unparsed parse_uwsgi_variables(std::string_view block, std::vector<gateway::Variable>& out) {
  out.reserve(kUsual);
  Cursor cursor(block);
  while (!cursor.at_end() && !are_too_many(out)) {
    const std::size_t start = cursor.offset();
    std::size_t name_size = 0;
    std::size_t value_size = 0;
    if (!cursor.uwsgi_length(name_size)) return {kCut, start, {}, 0};
    if (name_size == 0) return {kNameless, start, {}, 0};
    const std::string_view name = cursor.text(name_size);
    if (name.size() < name_size || !cursor.uwsgi_length(value_size)) {
      return {kCut, start, name, name_size};
    }
    const std::string_view value = cursor.text(value_size);
    if (value.size() < value_size) {
      return {kCut, start, name, std::uint64_t{name_size} + value_size};
    }
    out.push_back({name, value});
  }
  return {};
}

Unparsed parse_scgi_headers(std::string_view block, std::vector<gateway::Variable>& out) {
  out.reserve(kUsual);
  Cursor cursor(block);
  while (!cursor.at_end() && !are_too_many(out)) {
    const std::size_t start = cursor.offset();
    std::string_view name;
    std::string_view value;
    if (!cursor.terminated(name)) return {kCut, start, name, name.size()};
    if (name.empty()) return {kNameless, start, {}, 0};
    if (!cursor.terminated(value)) return {kCut, start, name, name.size() + value.size()};
    out.push_back({name, value});
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
      max_params, name.empty() ? "one whose name has not arrived yet," : printable(name), size);
}

std::string describe_too_many() {
  return fmt::format("the request has more than {} variables", kMostVariables);
}

}  // namespace appd::protocol
