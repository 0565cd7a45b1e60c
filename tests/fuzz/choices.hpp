// A fuzzer's input, as choices.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace appd::fuzz {

/// The bytes of a script, as choices.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}

  bool left() const noexcept { return !bytes_.empty(); }
  unsigned byte() noexcept {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  template <typename T, std::size_t N>
  T of(const std::array<T, N>& values) noexcept {
    return values[byte() % N];
  }
  std::string_view take(std::size_t most) noexcept {
    const std::string_view taken = bytes_.substr(0, most);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

}  // namespace appd::fuzz
