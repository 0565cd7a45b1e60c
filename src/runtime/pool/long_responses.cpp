// Finds out from the scoreboard whether long responses occupy all threads.

#include "runtime/pool/long_responses.hpp"

#include <fmt/format.h>

#include <utility>

#include "runtime/gateway/progress.hpp"

namespace appd::pool {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

bool is_long(const ipc::ThreadSlot::Reading& reading, std::int64_t now) noexcept {
  return reading.started != 0 && gateway::Progress::shows_response(reading.progress) &&
         now - reading.started >= LongResponses::kLong.count();
}

}  // namespace

std::optional<std::string> LongResponses::look(std::int64_t now) {
  std::vector<std::uint32_t> calls;
  ipc::ThreadSlot::Reading longest;
  for (const ipc::ThreadSlot& slot : slots_) {
    ipc::ThreadSlot::Reading reading = slot.read();
    if (!is_long(reading, now)) return std::nullopt;
    calls.push_back(reading.sequence);
    if (calls.size() == 1 || reading.started < longest.started) longest = std::move(reading);
  }
  if (is_told(now, calls)) return std::nullopt;
  told_ = std::move(calls);
  told_at_ = now;
  return fmt::format(
      "{} in calls whose responses have begun (longest: {}, {:.1f} s), and requests are "
      "waiting: raise --threads, or serve the streams with another appd",
      slots_.size() == 1 ? "the only thread is" : fmt::format("all {} threads are", slots_.size()),
      longest.text, static_cast<double>(now - longest.started) / kNanosecondsPerSecond);
}

bool LongResponses::is_told(std::int64_t now,
                            const std::vector<std::uint32_t>& calls) const noexcept {
  return !told_.empty() && (told_ == calls || now - told_at_ < kPause.count());
}

}  // namespace appd::pool
