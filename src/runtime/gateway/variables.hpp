// The raw variables of a request, with the bytes that they view.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace appd::gateway {

/// One CGI variable as the front sent it: raw bytes without terminator, of any length.
struct Variable {
  std::string_view name;
  std::string_view value;
};

/// The variables of one request, in wire order and uncleaned, with the bytes that they view. Views
/// stay valid when the block is moved. `clear` keeps the memory, so a warm block allocates nothing.
struct VariableBlock {
  VariableBlock() = default;
  VariableBlock(VariableBlock&&) noexcept = default;
  VariableBlock& operator=(VariableBlock&&) noexcept = default;
  VariableBlock(const VariableBlock&) = delete;
  VariableBlock& operator=(const VariableBlock&) = delete;

  void clear() noexcept {
    bytes.clear();
    variables.clear();
  }
  /// Whether it has more room than ordinary requests need.
  bool is_large() const noexcept {
    return bytes.capacity() > kWarmBytes || variables.capacity() > kWarmVariables;
  }

  static constexpr std::size_t kWarmBytes = 64 * 1024;
  static constexpr std::size_t kWarmVariables = 1024;

  std::vector<char> bytes;
  std::vector<Variable> variables;  ///< views into `bytes`, or of text that is part of the program
};

}  // namespace appd::gateway
