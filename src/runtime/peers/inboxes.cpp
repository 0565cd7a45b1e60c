// Makes a channel for each worker.

#include "runtime/peers/inboxes.hpp"

#include <utility>

namespace appd::peers {

Inboxes::Inboxes(unsigned workers) {
  const unsigned count = workers > 1 ? workers : 0;
  boxes_.reserve(count);
  for (unsigned i = 0; i < count; ++i) boxes_.emplace_back();
}

std::vector<support::UniqueFd> Inboxes::release() {
  std::vector<support::UniqueFd> ends;
  for (ConnectionChannel& box : boxes_) {
    ends.push_back(std::move(box.in));
    ends.push_back(std::move(box.out));
  }
  boxes_.clear();
  return ends;
}

}  // namespace appd::peers
