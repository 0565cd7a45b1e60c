// Tests of the report that a run prints.

#include "bench/load/figures.hpp"

#include <doctest/doctest.h>

namespace appd::load {
namespace {

using namespace std::chrono_literals;

Report two_requests() {
  Report report;
  report.duration = 500ms;
  report.latencies.add(1000ns);
  report.latencies.add(2000ns);
  return report;
}

const std::string kTwoRequests =
    R"("requests": 2, "seconds": 0.500000, "requests_per_second": 4.0, )"
    R"("p50_us": 1.00, "p99_us": 2.00, "p999_us": 2.00, "max_us": 2.00)";

}  // namespace

TEST_SUITE("figures") {
  TEST_CASE("a report is one object") {
    CHECK(to_json(two_requests()) == "{" + kTwoRequests + "}");
  }

  TEST_CASE("the second kind has the same figures") {
    Report report = two_requests();
    report.beside = report.latencies;
    CHECK(to_json(report) == "{" + kTwoRequests + R"(, "beside": {)" + kTwoRequests + "}}");
  }

  TEST_CASE("the server's time is shared by all counted requests") {
    Report report = two_requests();
    report.server = ServerFigures{30us, 4096, 3, std::nullopt};
    CHECK(to_json(report) ==
          "{" + kTwoRequests +
              R"(, "server": {"cpu_us_per_request": 15.000, "cpu_seconds": 0.000030, )"
              R"("pss_kib": 4096, "processes": 3}})");
    report.beside = report.latencies;
    CHECK(to_json(report).find(R"("cpu_us_per_request": 7.500,)") != std::string::npos);
  }

  TEST_CASE("the memory without idle connections is told if there were any") {
    Report report = two_requests();
    report.server = ServerFigures{30us, 4096, 3, 1024};
    CHECK(to_json(report).find(R"("processes": 3, "idle_pss_kib": 1024})") != std::string::npos);
  }
}

}  // namespace appd::load
