// Remembers the order of names in recent requests: a name is compared instead of classified.

#include "runtime/gateway/name_layout.hpp"

#include <atomic>

namespace appd::gateway {

std::uint64_t NameLayout::next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void NameLayout::cut(std::size_t place) {
  if (place >= entries_.size()) return;
  text_.resize(entries_[place].begin);
  entries_.resize(place);
  known_.clear();
  passing_ = 0;
  for (const Entry& entry : entries_) note_passing(entry.facts);
  id_ = next_id();
}

bool NameLayout::add(std::string_view name, const NameFacts& facts) {
  if (entries_.size() == kMostNames || text_.size() + name.size() > kMostText) return false;
  entries_.push_back(
      {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()), facts});
  text_.append(name);
  note_passing(facts);
  id_ = next_id();
  return true;
}

void NameLayout::note_passing(const NameFacts& facts) noexcept {
  if (facts.use == NameUse::pass) known_.note(facts.known, passing_++);
}

}  // namespace appd::gateway
