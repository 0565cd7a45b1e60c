#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::gateway {

/// Empty blocks of variables, kept for their memory: a connection holds one only while a request's
/// head arrives, so that an idle connection costs none. Used by one thread, a server's loop.
class BlockPool {
 public:
  using Block = std::unique_ptr<VariableBlock>;

  BlockPool() { spare_.reserve(kMostSpare); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// An empty block, the warmest if there are any.
  Block take() {
    if (spare_.empty()) return std::make_unique<VariableBlock>();
    Block block = std::move(spare_.back());
    spare_.pop_back();
    return block;
  }

  /// Keeps a block's memory for other requests, but for what only a large one has needed. Null:
  /// nothing.
  void give_back(Block block) noexcept {
    if (!block || spare_.size() == kMostSpare || block->is_large()) return;
    block->clear();
    spare_.push_back(std::move(block));
  }

 private:
  static constexpr std::size_t kMostSpare = 64;

  std::vector<Block> spare_;  // the last one given back is the warmest
};

}  // namespace appd::gateway
