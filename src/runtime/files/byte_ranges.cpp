// Reads ranges of bytes and keeps them from being an amplifier.

#include "runtime/files/byte_ranges.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "runtime/support/ascii.hpp"
#include "runtime/support/whole_number.hpp"

namespace appd::files {
namespace {

constexpr std::string_view kUnit = "bytes=";

/// One range as the client wrote it. Numbers may be beyond the file.
struct Spec {
  std::optional<std::uint64_t> first;  ///< std::nullopt: `last` is the length of a suffix
  std::optional<std::uint64_t> last;   ///< std::nullopt: to the end of the file
};

/// A number of any length; one that is too large is as good as the largest.
std::optional<std::uint64_t> read_position(std::string_view digits) noexcept {
  if (!support::is_digits(digits)) return std::nullopt;
  return support::whole_number(digits).value_or(std::numeric_limits<std::uint64_t>::max());
}

/// std::nullopt if it is malformed.
std::optional<Spec> read_spec(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = text.substr(0, dash);
  const std::string_view last = text.substr(dash + 1);
  const Spec spec{read_position(first), read_position(last)};
  if ((!spec.first && !first.empty()) || (!spec.last && !last.empty())) return std::nullopt;
  if (!spec.first && !spec.last) return std::nullopt;
  if (spec.first && spec.last && *spec.last < *spec.first) return std::nullopt;
  return spec;
}

/// The part of it that is in the file; its length may be 0.
ByteRange within(const Spec& spec, std::uint64_t size) noexcept {
  if (!spec.first) {
    const std::uint64_t length = std::min(*spec.last, size);
    return {size - length, length};
  }
  if (*spec.first >= size) return {0, 0};
  const std::uint64_t last = std::min(spec.last.value_or(size - 1), size - 1);
  return {*spec.first, last - *spec.first + 1};
}

bool share_bytes(const ByteRange& one, const ByteRange& other) noexcept {
  return one.offset < other.offset + other.length && other.offset < one.offset + one.length;
}

bool overlap(const std::vector<ByteRange>& ranges) noexcept {
  for (auto one = ranges.begin(); one != ranges.end(); ++one) {
    const auto shares = [&](const ByteRange& other) { return share_bytes(*one, other); };
    if (std::any_of(ranges.begin(), one, shares)) return true;
  }
  return false;
}

/// All ranges of a list; std::nullopt if one is malformed, or there are none or too many.
std::optional<std::vector<Spec>> read_specs(std::string_view list) {
  std::vector<Spec> specs;
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view item = support::trim(list.substr(0, comma));
    if (!item.empty()) {  // RFC 9110 section 5.6.1.2
      const auto spec = read_spec(item);
      if (!spec || specs.size() == kMostRanges) return std::nullopt;
      specs.push_back(*spec);
    }
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  if (specs.empty()) return std::nullopt;
  return specs;
}

}  // namespace

WantedRanges parse_ranges(std::string_view value, std::uint64_t size) {
  using Kind = WantedRanges::Kind;
  value = support::trim(value);
  if (size == 0) return {};  // no Content-Range could say which part it is
  if (!support::same_ignoring_case(value.substr(0, kUnit.size()), kUnit)) return {};
  const auto specs = read_specs(value.substr(kUnit.size()));
  if (!specs) return {};
  WantedRanges wanted;
  for (const Spec& spec : *specs) {
    const ByteRange range = within(spec, size);
    if (range.length > 0) wanted.ranges.push_back(range);
  }
  if (wanted.ranges.empty()) return {Kind::unsatisfiable, {}};
  if (overlap(wanted.ranges)) return {};
  wanted.kind = Kind::some;
  return wanted;
}

}  // namespace appd::files
