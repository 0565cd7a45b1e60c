// Makes a channel for each worker.

#include "runtime/peers/inboxes.hpp"

#include <utility>

namespace appd::peers {

Inboxes::Inboxes(unsigned workers)
    : count_(workers > 1 ? workers : 0), boxes_(std::make_unique<ConnectionChannel[]>(count_)) {}

void Inboxes::close() noexcept {
  count_ = 0;
  boxes_.reset();
}

std::vector<support::UniqueFd> Inboxes::release() {
  std::vector<support::UniqueFd> ends;
  for (std::size_t i = 0; i < count_; ++i) {
    ends.push_back(std::move(boxes_[i].in));
    ends.push_back(std::move(boxes_[i].out));
  }
  close();
  return ends;
}

}  // namespace appd::peers
