// Collects byte ranges for a gathered write and stores the framing among them.

#include <cassert>
#include <cstring>

#include "protocol/response_framer.hpp"

namespace appd::protocol {

void Gather::add_copy(std::string_view framing) {
  assert(framing.size() <= kBlock);
  if (framing.empty()) return;
  if (used_ + framing.size() > kBlock) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::array<char, kBlock>>());
  char* const place = blocks_[block_]->data() + used_;
  std::memcpy(place, framing.data(), framing.size());
  used_ += framing.size();
  size_ += framing.size();
  // Framing that directly follows framing extends the same range.
  if (!parts_.empty() &&
      static_cast<char*>(parts_.back().iov_base) + parts_.back().iov_len == place) {
    parts_.back().iov_len += framing.size();
  } else {
    parts_.push_back({place, framing.size()});
  }
}

}  // namespace appd::protocol
