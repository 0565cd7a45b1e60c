// Dates as HTTP writes them.
#pragma once

#include <array>
#include <ctime>
#include <string_view>

namespace appd::support {

/// A date in HTTP's preferred format (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
class HttpDate {
 public:
  /// Of a year from 0 to 9999; another one is shown as its nearest.
  explicit HttpDate(std::time_t time) noexcept;

  std::string_view text() const noexcept { return {text_.data(), kSize}; }

 private:
  static constexpr std::size_t kSize = 29;
  std::array<char, kSize + 1> text_{};
};

}  // namespace appd::support
