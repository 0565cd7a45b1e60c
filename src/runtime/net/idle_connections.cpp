// Searches a server's connections for those that have been silent for the longest.

#include "runtime/net/idle_connections.hpp"

#include <algorithm>
#include <chrono>

namespace appd::net {
namespace {

/// A busy front uses a connection again sooner than this, and must not lose its next request.
constexpr std::chrono::milliseconds kLeastIdle{250};
/// A search looks at all connections, so it finds several at once.
constexpr std::ptrdiff_t kFound = 64;

}  // namespace

bool IdleConnections::close_one(std::span<const std::shared_ptr<Connection>> all,
                                Clock::time_point now) {
  for (int searches = 0; searches < 2; ++searches) {
    while (!candidates_.empty()) {
      const Candidate candidate = std::move(candidates_.back());
      candidates_.pop_back();
      const std::shared_ptr<Connection> connection = candidate.connection.lock();
      // A connection that was used since it was found is not idle any more.
      if (connection && connection->idle_since() == candidate.since &&
          connection->try_close_idle()) {
        return true;
      }
    }
    if (searches == 0) search(all, now);
  }
  return false;
}

void IdleConnections::search(std::span<const std::shared_ptr<Connection>> all,
                             Clock::time_point now) {
  for (const auto& connection : all) {
    const auto since = connection->idle_since();
    if (since && now - *since >= kLeastIdle) candidates_.push_back({connection, *since});
  }
  const auto found = std::min(kFound, std::ssize(candidates_));
  std::partial_sort(candidates_.begin(), candidates_.begin() + found, candidates_.end(),
                    [](const Candidate& a, const Candidate& b) { return a.since < b.since; });
  candidates_.resize(static_cast<std::size_t>(found));
  std::reverse(candidates_.begin(), candidates_.end());
}

}  // namespace appd::net
