// The body of an HTTP request that comes in chunks.
#pragma once

#include <cstdint>
#include <string_view>

namespace appd::protocol {

/// Takes a chunked body apart (RFC 9112 section 7.1). Chunk extensions and trailers are dropped.
/// Pure; allocates nothing.
class ChunkedBody {
 public:
  enum class Found : std::uint8_t {
    starved,  ///< the input is used up
    bytes,    ///< `bytes` of the body, as a view of the input
    end,      ///< the body is complete
    malformed,
  };
  struct Step {
    Found found = Found::starved;
    std::string_view bytes{};
    /// With `malformed`: completes "the chunked body …".
    const char* problem = nullptr;
  };

  /// Takes bytes off the front of `input`. After `end` and `malformed` it takes nothing, and says
  /// the same again.
  Step next(std::string_view& input);
  bool is_malformed() const noexcept { return problem_ != nullptr; }

  /// The longest extension of one chunk, in bytes. Nobody uses them, except to hide requests.
  static constexpr std::size_t kMostExtension = 256;
  /// The longest trailer section, in bytes.
  static constexpr std::size_t kMostTrailers = 8192;

 private:
  enum class State : std::uint8_t {
    size,          // the next byte is a digit of the size, or ends it
    blank,         // after the size; only an extension may follow
    extension,     // up to the CR
    size_lf,       // the LF of the size's line
    data,          // `left_` bytes
    data_cr,       // the line end after the data
    data_lf,       //
    trailer,       // the next byte begins a line of the trailers, or the empty one
    trailer_line,  // up to the CR
    trailer_lf,    // the LF of a trailer's line
    last_lf,       // the LF of the empty line
  };

  const char* take_byte(char byte);
  const char* take_size(char byte);
  const char* take_blank(char byte);
  const char* end_size(char byte);
  const char* take_line(char byte, std::size_t most, State at_cr, const char* too_long);
  const char* expect(char byte, char wanted, State next);

  State state_ = State::size;
  std::uint64_t left_ = 0;  // of the chunk's data
  unsigned digits_ = 0;     // of the chunk's size
  std::size_t passed_ = 0;  // bytes of the extension, or of all trailers
  const char* problem_ = nullptr;
  bool complete_ = false;
};

}  // namespace appd::protocol
