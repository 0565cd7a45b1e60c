// What the log and a status say of a slot's process and of waiting requests.
#pragma once

#include <string>
#include <string_view>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/supervisor/slot.hpp"

namespace appd::supervisor {

/// What the process is serving, behind the introduction: ", serving GET /slow (thread 2, 3.2 s)".
/// "" if it serves nothing.
std::string describe_work(const Slot& slot, const ipc::Scoreboard& scoreboard,
                          std::string_view introduction);

/// "worker 1 (pid 123): ready, serving GET /slow (thread 2, 3.2 s), 12 requests answered;
/// /srv/venv/bin/python, CPython 3.13.5". Only a worker has the number of requests.
std::string describe_status(const Slot& slot, const ipc::Scoreboard& scoreboard);

/// "queue: 3 (of at most 100 in each worker), the oldest for 0.2 s". `most` is --queue.
std::string describe_queue(const ipc::Scoreboard& scoreboard, unsigned most);

}  // namespace appd::supervisor
