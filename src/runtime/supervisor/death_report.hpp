// What the log says of a process that has ended, and how bad that is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/gateway/log_event.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/slot.hpp"

namespace appd::supervisor {

// `wait_status` is waitpid's, or std::nullopt for a process that was never forked. Slots still have
// their process.

/// Returns true if somebody had asked this process alone to end, and it ended as it should.
bool has_ended_as_asked(const Process& dead, std::optional<int> wait_status) noexcept;

/// Returns true if it has answered requests, or died in one: so its start was good.
bool had_requests(const Slot& dead, const ipc::Scoreboard& scoreboard);

/// `was_wanted` is true if it should have gone on, and nobody had asked it alone to end.
gateway::LogEvent event_of_death(const Process& dead, bool was_wanted,
                                 std::optional<int> wait_status);

/// "worker 2 (pid 812) was killed by SIGABRT after 3.2 s, while serving GET /slow (thread 1, 0.1
/// s)". `findings` are what else is known of it; they are put behind the sentence.
std::string describe_death(const Slot& dead, std::optional<int> wait_status,
                           const ipc::Scoreboard& scoreboard, std::string_view findings,
                           Clock::time_point now);

}  // namespace appd::supervisor
