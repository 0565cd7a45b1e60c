#pragma once

#include <bitset>
#include <cstddef>
#include <memory>

#include "protocol/decoder.hpp"

namespace appd::protocol {

/// Ids of FastCGI requests that are over for this side while the end of their STDIN has not come. A
/// front may leave as many behind as there are ids, so each step takes the same time however many
/// there are. Memory (8 KiB) is needed only while there are any.
class OwedIds {
 public:
  void add(RequestId id) {
    if (!ids_) ids_ = std::make_unique<Ids>();
    if (ids_->test(id)) return;
    ids_->set(id);
    ++count_;
  }
  /// Nothing happens when it is not among them.
  void remove(RequestId id) noexcept {
    if (!ids_ || !ids_->test(id)) return;
    ids_->reset(id);
    if (--count_ == 0) ids_.reset();
  }
  bool empty() const noexcept { return count_ == 0; }

 private:
  using Ids = std::bitset<std::size_t{1} << 16>;

  std::unique_ptr<Ids> ids_;
  std::size_t count_ = 0;
};

}  // namespace appd::protocol
