// Decides when a worker is due for recycling: by age, requests or memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace appd::supervisor {

/// After how much use a worker is replaced. 0 disables a limit.
struct RecyclingLimits {
  std::uint64_t requests = 0;
  /// The largest random addition to `requests`, so that not all end at once.
  std::uint64_t requests_jitter = 0;
  std::chrono::nanoseconds lifetime{0};
  std::chrono::nanoseconds lifetime_jitter{0};
  std::uint64_t memory = 0;  ///< bytes, proportional set size

  bool any() const noexcept { return requests > 0 || lifetime.count() > 0 || memory > 0; }
};

/// How much one worker has been used.
struct Usage {
  std::uint64_t requests = 0;
  std::chrono::nanoseconds age{0};
  std::optional<std::uint64_t> memory{};  ///< bytes; std::nullopt if it was not measured
};

/// Gives a number from 0 to `most`.
using Random = std::function<std::uint64_t(std::uint64_t most)>;

/// The limits for one worker: a jitter is drawn and added.
RecyclingLimits draw(const RecyclingLimits& limits, const Random& random);

/// Why the worker is to be replaced, such as "it has answered 1,000 requests (--max-requests)".
/// std::nullopt if it goes on.
std::optional<std::string> recycling_reason(const RecyclingLimits& drawn, const Usage& usage);

/// What each request has added to the memory on average: "2.4 KiB a request". "" if there is
/// nothing to tell.
std::string describe_growth(std::uint64_t before, std::uint64_t after, std::uint64_t requests);

}  // namespace appd::supervisor
