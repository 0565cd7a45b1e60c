// Reads SCGI's netstring of headers.

#include "protocol/scgi_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/variable_parsers.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::protocol {
namespace {

/// 99,999,999 bytes of headers: more than any sensible limit.
constexpr std::size_t kMaxDigits = 8;

std::optional<std::uint64_t> number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Event ScgiDecoder::on_head(std::string_view& input) {
  if (!length_known_) {
    Event event = on_length(input);
    if (!length_known_) return event;
  }
  return collect_block(input, block_size_) ? on_block(input) : Event{};
}

Event ScgiDecoder::on_length(std::string_view& input) {
  while (!input.empty()) {
    const char c = take(input, 1).front();
    const auto here = offset() - 1;
    if (c == ':' && !digits_.empty()) {
      block_size_ = static_cast<std::size_t>(number(digits_).value_or(0));
      length_known_ = true;
      return {};
    }
    if (!support::is_digit(c)) return malformed("no decimal length of a netstring", here);
    if (digits_ == "0") return malformed("a netstring's length with a leading zero", here);
    if (digits_.size() == kMaxDigits) {
      return malformed("a netstring's length of more than 8 digits", here);
    }
    digits_ += c;
  }
  return {};
}

Event ScgiDecoder::on_block(std::string_view& input) {
  auto& variables = block().variables;
  if (exceeds_limit(block_size_)) {
    const auto rest = parse_scgi_headers(block_bytes(), variables);
    return refuse(431, describe_excess(max_params(), variables, rest));
  }
  if (input.empty()) return {};
  const auto comma_offset = offset();
  if (take(input, 1) != ",") return malformed("no comma after the netstring", comma_offset);
  if (block_size_ == 0) return malformed("no headers", comma_offset);
  const auto block_offset = comma_offset - block_size_;
  const auto rest = parse_scgi_headers(block_bytes(), variables);
  if (are_too_many(variables)) return refuse(431, describe_too_many());
  if (rest) {
    return malformed(fmt::format("a variable that {}", rest.problem), block_offset + rest.offset);
  }
  if (variables.front().name != "CONTENT_LENGTH") {
    return malformed("CONTENT_LENGTH is not the first header", block_offset);
  }
  return complete();
}

Event ScgiDecoder::malformed(std::string_view what, std::uint64_t at) {
  return refuse(400,
                fmt::format("malformed SCGI request: {}, at byte {} of the connection", what, at));
}

}  // namespace appd::protocol
