#include "runtime/gateway/name_layout.hpp"

namespace appd::gateway {

void NameLayout::cut(std::size_t place) {
  if (place >= entries_.size()) return;
  text_.resize(entries_[place].begin);
  entries_.resize(place);
}

bool NameLayout::add(std::string_view name, const NameFacts& facts) {
  if (entries_.size() == kMostNames || text_.size() + name.size() > kMostText) return false;
  entries_.push_back(
      {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()), facts});
  text_.append(name);
  return true;
}

}  // namespace appd::gateway
