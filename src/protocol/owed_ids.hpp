// FastCGI request ids whose STDIN has not ended yet.
#pragma once

#include <bitset>
#include <cstddef>
#include <memory>

#include "protocol/decoder.hpp"

namespace appd::protocol {

/// Ids of FastCGI requests that are over for this side but whose STDIN has not ended. A front may
/// leave any number of them, so the time of each step does not depend on their number. Memory (8
/// KiB) is used only while there are any.
class OwedIds {
 public:
  void add(RequestId id) {
    if (!ids_) ids_ = std::make_unique<Ids>();
    if (ids_->test(id)) return;
    ids_->set(id);
    ++count_;
  }
  /// Does nothing if `id` is not among them.
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
