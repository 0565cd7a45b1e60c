// Tests of the access log's record of a request.

#include "runtime/net/request_record.hpp"

#include <doctest/doctest.h>

#include <optional>

using namespace appd;
using net::KeptRecord;
using net::RequestTimes;

namespace {

const RequestTimes::Clock::time_point kNow = RequestTimes::Clock::now();

}  // namespace

TEST_SUITE("request record") {
  TEST_CASE("the times are those in the queue and since") {
    RequestTimes times;
    times.set_queued(kNow - std::chrono::seconds(5));
    times.set_started(kNow - std::chrono::seconds(2));
    const auto record = net::make_access_record(gateway::Request(), times, 200, 7);
    CHECK(record.status == 200);
    CHECK(record.body_bytes == 7);
    CHECK(record.queued == std::chrono::seconds(3));
    CHECK(record.running >= std::chrono::seconds(2));
  }

  TEST_CASE("a request that was never queued has not waited, and one that was keeps its time") {
    RequestTimes times;
    times.set_started_here(kNow);
    CHECK(times.started() == kNow);
    CHECK(times.queued() == kNow);
    times.clear();
    times.set_queued(kNow);
    times.set_started_here(kNow + std::chrono::seconds(1));
    CHECK(times.queued() == kNow);
    CHECK(times.started() == kNow + std::chrono::seconds(1));
  }

  TEST_CASE("a kept record outlives the request's texts") {
    gateway::AccessRecord record;
    std::optional<KeptRecord> kept;
    {
      const std::string method = "a method that is too long to be inside";
      const std::string agent = "an agent that is too long to be inside";
      record.method = method;
      record.user_agent = agent;
      record.status = 206;
      kept.emplace(record);
      CHECK(kept->record.method.data() != method.data());
    }
    CHECK(kept->record.method == "a method that is too long to be inside");
    CHECK(kept->record.user_agent == "an agent that is too long to be inside");
    CHECK(kept->record.status == 206);
  }
}
