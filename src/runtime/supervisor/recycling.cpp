// Compares a worker's use with the limits; upkeep.cpp replaces the worker.

#include "runtime/supervisor/recycling.hpp"

#include <fmt/format.h>

#include "runtime/supervisor/descriptions.hpp"

namespace appd::supervisor {
namespace {

constexpr double kKiB = 1024;

std::string describe_size(double bytes) {
  return bytes < kKiB * kKiB ? fmt::format("{:.1f} KiB", bytes / kKiB)
                             : fmt::format("{:.1f} MiB", bytes / kKiB / kKiB);
}

}  // namespace

RecyclingLimits draw(const RecyclingLimits& limits, const Random& random) {
  RecyclingLimits drawn = limits;
  if (drawn.requests > 0) drawn.requests += random(limits.requests_jitter);
  if (drawn.lifetime.count() > 0) {
    const auto most = static_cast<std::uint64_t>(limits.lifetime_jitter.count());
    drawn.lifetime += std::chrono::nanoseconds(random(most));
  }
  return drawn;
}

std::optional<std::string> recycling_reason(const RecyclingLimits& drawn, const Usage& usage) {
  if (drawn.requests > 0 && usage.requests >= drawn.requests) {
    return fmt::format("it has answered {} requests (--max-requests)", usage.requests);
  }
  if (drawn.lifetime.count() > 0 && usage.age >= drawn.lifetime) {
    return fmt::format("it has lived for {} (--max-lifetime)", describe_duration(usage.age));
  }
  if (drawn.memory > 0 && usage.memory && *usage.memory > drawn.memory) {
    return fmt::format("it uses {} (--max-memory)",
                       describe_size(static_cast<double>(*usage.memory)));
  }
  return std::nullopt;
}

std::string describe_growth(std::uint64_t before, std::uint64_t after, std::uint64_t requests) {
  if (requests == 0) return "";
  const double grown = static_cast<double>(after) - static_cast<double>(before);
  return fmt::format("{}{} a request", grown < 0 ? "-" : "",
                     describe_size((grown < 0 ? -grown : grown) / static_cast<double>(requests)));
}

}  // namespace appd::supervisor
