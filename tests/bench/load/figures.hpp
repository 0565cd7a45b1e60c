// The result of a run: times, counts, and what they cost the server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "bench/load/latencies.hpp"

namespace appd::load {

/// What was measured at the server's process and its descendants.
struct ServerFigures {
  std::chrono::nanoseconds cpu{};  ///< from before the first to after the last counted request
  std::uint64_t pss_kib = 0;       ///< at the end, while all connections are open
  std::size_t processes = 0;       ///< at the end
  std::optional<std::uint64_t> idle_pss_kib;  ///< before the idle connections were opened
};

/// All that a valid run comes to.
struct Report {
  std::chrono::nanoseconds duration{};  ///< from the first counted request to the last response
  Latencies latencies;
  std::optional<Latencies> beside;
  std::optional<ServerFigures> server;
};

/// One line of JSON.
std::string to_json(const Report& report);

}  // namespace appd::load
