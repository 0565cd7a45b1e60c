#include "runtime/worker/long_answers.hpp"

#include <fmt/format.h>

#include <utility>

#include "runtime/gateway/progress.hpp"

namespace appd::worker {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

bool is_long(const observe::ThreadSlot::Reading& reading, std::int64_t now) noexcept {
  return reading.started != 0 && gateway::Progress::shows_answer(reading.progress) &&
         now - reading.started >= LongAnswers::kLong.count();
}

}  // namespace

std::optional<std::string> LongAnswers::look(std::int64_t now) {
  std::vector<std::uint32_t> calls;
  observe::ThreadSlot::Reading longest;
  for (const observe::ThreadSlot& slot : slots_) {
    observe::ThreadSlot::Reading reading = slot.read();
    if (!is_long(reading, now)) return std::nullopt;
    calls.push_back(reading.sequence);
    if (calls.size() == 1 || reading.started < longest.started) longest = std::move(reading);
  }
  if (is_told(now, calls)) return std::nullopt;
  told_ = std::move(calls);
  told_at_ = now;
  return fmt::format(
      "{} in calls whose answers have begun (longest: {}, {:.1f} s), and requests wait: more "
      "--threads help, or streams that are served elsewhere",
      slots_.size() == 1 ? "the only thread is" : fmt::format("all {} threads are", slots_.size()),
      longest.text, static_cast<double>(now - longest.started) / kNanosecondsPerSecond);
}

bool LongAnswers::is_told(std::int64_t now,
                          const std::vector<std::uint32_t>& calls) const noexcept {
  return !told_.empty() && (told_ == calls || now - told_at_ < kPause.count());
}

}  // namespace appd::worker
