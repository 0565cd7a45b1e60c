#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace appd::gateway {

/// One CGI variable as the front server sent it: raw bytes, no terminator, any length.
struct Variable {
  std::string_view name;
  std::string_view value;
};

/// The variables of one request, in wire order and uncleaned, with the bytes that they view.
/// Moving keeps the views valid; `clear` keeps the memory, so a warm block allocates nothing.
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
  /// It has room that ordinary requests do not need.
  bool is_large() const noexcept {
    return bytes.capacity() > kWarmBytes || variables.capacity() > kWarmVariables;
  }

  static constexpr std::size_t kWarmBytes = 64 * 1024;
  static constexpr std::size_t kWarmVariables = 1024;

  std::vector<char> bytes;
  std::vector<Variable> variables;  ///< views into `bytes` only
};

}  // namespace appd::gateway
