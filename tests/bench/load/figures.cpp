// Writes what was measured as JSON.

#include "bench/load/figures.hpp"

#include <fmt/format.h>

#include <iterator>

namespace appd::load {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
using Seconds = std::chrono::duration<double>;

double microseconds(std::chrono::nanoseconds time) {
  return Microseconds(time).count();
}

void put_latencies(fmt::memory_buffer& out, const Latencies& latencies, Seconds duration) {
  const auto count = static_cast<double>(latencies.count());
  fmt::format_to(std::back_inserter(out),
                 R"("requests": {}, "seconds": {:.6f}, "requests_per_second": {:.1f}, )"
                 R"("p50_us": {:.2f}, "p99_us": {:.2f}, "p999_us": {:.2f}, "max_us": {:.2f})",
                 latencies.count(), duration.count(), count / duration.count(),
                 microseconds(latencies.percentile(0.5)), microseconds(latencies.percentile(0.99)),
                 microseconds(latencies.percentile(0.999)), microseconds(latencies.max()));
}

void put_server(fmt::memory_buffer& out, const ServerFigures& server, std::uint64_t requests) {
  fmt::format_to(std::back_inserter(out),
                 R"("cpu_us_per_request": {:.3f}, "cpu_seconds": {:.6f}, "pss_kib": {}, )"
                 R"("processes": {})",
                 microseconds(server.cpu) / static_cast<double>(requests),
                 Seconds(server.cpu).count(), server.pss_kib, server.processes);
  if (server.idle_pss_kib) {
    fmt::format_to(std::back_inserter(out), R"(, "idle_pss_kib": {})", *server.idle_pss_kib);
  }
}

}  // namespace

std::string to_json(const Report& report) {
  fmt::memory_buffer out;
  const auto put = [&out](std::string_view text) { out.append(text); };
  put("{");
  put_latencies(out, report.latencies, report.duration);
  std::uint64_t requests = report.latencies.count();
  if (report.beside) {
    put(R"(, "beside": {)");
    put_latencies(out, *report.beside, report.duration);
    put("}");
    requests += report.beside->count();
  }
  if (report.server) {
    put(R"(, "server": {)");
    put_server(out, *report.server, requests);
    put("}");
  }
  put("}");
  return fmt::to_string(out);
}

}  // namespace appd::load
