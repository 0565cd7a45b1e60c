// Puts a slot and its row of the scoreboard into words.

#include "runtime/supervisor/slot_status.hpp"

#include <fmt/format.h>

#include "runtime/supervisor/descriptions.hpp"

namespace appd::supervisor {

std::string describe_work(const Slot& slot, const ipc::Scoreboard& scoreboard,
                          std::string_view introduction) {
  if (!slot.is_worker()) return "";
  const auto running = scoreboard.running(*slot.index);
  return running.empty() ? "" : fmt::format("{}{}", introduction, describe_requests(running));
}

std::string describe_status(const Slot& slot, const ipc::Scoreboard& scoreboard) {
  std::string text = fmt::format("{}: {}{}", title(slot), name(slot.life.state()),
                                 describe_work(slot, scoreboard, ", serving "));
  if (slot.is_worker()) {
    text += fmt::format(", {} requests answered", scoreboard.answered(*slot.index));
    const auto lost = scoreboard.lost(*slot.index);
    if (lost > 0) text += fmt::format(" ({} when the front had gone away)", lost);
  }
  if (slot.process && !slot.process->program.empty()) text += "; " + slot.process->program;
  return text;
}

std::string describe_queue(const ipc::Scoreboard& scoreboard, unsigned most) {
  const ipc::WaitingRequests waiting = scoreboard.waiting();
  const std::string oldest =
      waiting.count == 0 ? "" : ", the oldest for " + describe_duration(waiting.oldest);
  return fmt::format("queue: {} (of at most {} in each worker){}", waiting.count, most, oldest);
}

}  // namespace appd::supervisor
