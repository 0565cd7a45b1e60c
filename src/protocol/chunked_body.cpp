// Reads chunk sizes byte by byte, so that a split anywhere makes no difference.

#include "protocol/chunked_body.hpp"

#include <algorithm>

#include "runtime/support/ascii.hpp"

namespace appd::protocol {
namespace {

/// Larger sizes are no file's, and would overflow a sum of several.
constexpr unsigned kMostDigits = 15;

/// −1 if `c` is no hexadecimal digit.
int hex_value(char c) noexcept {
  if (support::is_digit(c)) return c - '0';
  const char lower = support::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

ChunkedBody::Step ChunkedBody::next(std::string_view& input) {
  while (!complete_ && problem_ == nullptr && !input.empty()) {
    if (state_ == State::data) {
      const auto bytes =
          input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
      input.remove_prefix(bytes.size());
      left_ -= bytes.size();
      if (left_ == 0) state_ = State::data_cr;
      return {Found::bytes, bytes};
    }
    const char byte = input.front();
    input.remove_prefix(1);
    problem_ = take_byte(byte);
  }
  if (problem_ != nullptr) return {Found::malformed, {}, problem_};
  return {complete_ ? Found::end : Found::starved};
}

/// Returns what is wrong, or null.
const char* ChunkedBody::take_byte(char byte) {
  switch (state_) {
    case State::size:
      return take_size(byte);
    case State::blank:
      return take_blank(byte);
    case State::extension:
      return take_line(byte, kMostExtension, State::size_lf,
                       "has a chunk extension that is too long");
    case State::size_lf:
      return end_size(byte);
    case State::data:
      break;  // not byte by byte
    case State::data_cr:
      return expect(byte, '\r', State::data_lf);
    case State::data_lf:
      digits_ = 0;
      passed_ = 0;
      return expect(byte, '\n', State::size);
    case State::trailer:
      if (byte == '\r') {
        state_ = State::last_lf;
        return nullptr;
      }
      state_ = State::trailer_line;
      [[fallthrough]];
    case State::trailer_line:
      return take_line(byte, kMostTrailers, State::trailer_lf, "has trailers that are too long");
    case State::trailer_lf:
      return expect(byte, '\n', State::trailer);
    case State::last_lf:
      complete_ = byte == '\n';
      return complete_ ? nullptr : "has a CR without LF";
  }
  return nullptr;
}

const char* ChunkedBody::take_size(char byte) {
  if (const int value = hex_value(byte); value >= 0) {
    left_ = left_ * 16 + static_cast<unsigned>(value);
    return ++digits_ > kMostDigits ? "has a chunk size that is too long" : nullptr;
  }
  if (digits_ == 0) return "has a chunk without a size";
  if (byte == '\r') {
    state_ = State::size_lf;
    return nullptr;
  }
  state_ = State::blank;
  return take_blank(byte);
}

/// RFC 9112 allows blanks before the semicolon, as a bad habit of old.
const char* ChunkedBody::take_blank(char byte) {
  if (byte == ';') {
    state_ = State::extension;
  } else if (byte != ' ' && byte != '\t') {
    return "has a chunk size that is no number";
  }
  return ++passed_ > kMostExtension ? "has a chunk extension that is too long" : nullptr;
}

const char* ChunkedBody::end_size(char byte) {
  passed_ = 0;
  return expect(byte, '\n', left_ == 0 ? State::trailer : State::data);
}

/// A byte of a line that is dropped.
const char* ChunkedBody::take_line(char byte, std::size_t most, State at_cr, const char* too_long) {
  if (byte == '\r') {
    state_ = at_cr;
    return nullptr;
  }
  if (support::is_control(byte) && byte != '\t') return "has a control byte in its framing";
  return ++passed_ > most ? too_long : nullptr;
}

const char* ChunkedBody::expect(char byte, char wanted, State next) {
  if (byte != wanted) {
    return wanted == '\r' ? "goes on after the end of a chunk" : "has a CR without LF";
  }
  state_ = next;
  return nullptr;
}

}  // namespace appd::protocol
