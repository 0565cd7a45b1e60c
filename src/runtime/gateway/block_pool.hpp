// Reusable memory for the variables of arriving requests.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::gateway {

/// Empty blocks of variables, kept for their memory. A connection holds one only while a request's
/// head arrives, so an idle connection costs none. Used by one thread: a server's loop.
class BlockPool {
 public:
  using Block = std::unique_ptr<VariableBlock>;

  BlockPool() { spare_.reserve(kMostSpare); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// An empty block; the most recently used one if there is any.
  Block take() {
    if (spare_.empty()) return std::make_unique<VariableBlock>();
    Block block = std::move(spare_.back());
    spare_.pop_back();
    return block;
  }

  /// Keeps a block's memory for other requests, except what only a large request needed. Null is
  /// ignored.
  void give_back(Block block) noexcept {
    if (!block || spare_.size() == kMostSpare || block->is_large()) return;
    block->clear();
    spare_.push_back(std::move(block));
  }

 private:
  static constexpr std::size_t kMostSpare = 64;

  std::vector<Block> spare_;  // the most recently used one is last
};

}  // namespace appd::gateway
