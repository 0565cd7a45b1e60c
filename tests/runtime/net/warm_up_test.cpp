// Tests of warm-up requests and accepted statuses.

#include "runtime/net/warm_up.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "fakes/log_fields.hpp"
#include "fakes/memory_reporter.hpp"

using namespace appd;
using gateway::LogEvent;
using net::WarmUps;

namespace {

/// What a warm-up over SCGI says when the application answers with `head`.
struct Outcome {
  std::string failure;  ///< empty if it passed
  std::vector<std::string> warnings;
};

Outcome warm_up(const WarmUps& warm_ups, const std::string& head) {
  fakes::MemoryReporter reporter;
  std::vector<support::UniqueFd> servers;
  const auto response = [&](support::UniqueFd socket) {
    REQUIRE(::send(socket.get(), head.data(), head.size(), 0) == ssize_t(head.size()));
    ::shutdown(socket.get(), SHUT_WR);
    servers.push_back(std::move(socket));
  };
  Outcome outcome;
  try {
    net::warm_up(warm_ups, protocol::Wire::scgi, response, reporter);
  } catch (const std::runtime_error& error) {
    outcome.failure = error.what();
  }
  for (const auto& entry : reporter.take()) {
    CHECK(entry.event == LogEvent::warmup_accepted);
    outcome.warnings.push_back(entry.message);
  }
  return outcome;
}

std::string head(unsigned status, const std::string& location = {}) {
  const std::string field = location.empty() ? "" : "Location: " + location + "\r\n";
  return "Status: " + std::to_string(status) + " Told\r\n" + field + "\r\n";
}

WarmUps asks(const std::string& path) {
  return {.requests = {{.text = path, .target = path}}, .accepted = {}};
}

}  // namespace

TEST_SUITE("warm-up") {
  TEST_CASE("only 2xx passes") {
    for (const unsigned status : {200u, 204u, 299u}) {
      CAPTURE(status);
      const Outcome outcome = warm_up(asks("/"), head(status));
      CHECK(outcome.failure == "");
      CHECK(outcome.warnings.empty());
    }
    for (const unsigned status : {199u, 300u, 304u, 404u, 499u, 500u, 503u, 599u}) {
      CAPTURE(status);
      const Outcome outcome = warm_up(asks("/"), head(status));
      CHECK(outcome.failure ==
            "the application answered --warmup / with " + std::to_string(status));
      CHECK(outcome.warnings.empty());
    }
    CHECK(warm_up(asks("/"), "").failure == "the application answered --warmup / with nothing");
  }

  TEST_CASE("what is accepted passes with a warning") {
    WarmUps warm_ups = asks("/x");
    warm_ups.accepted = {{300, 399}, {404, 404}};
    for (const unsigned status : {300u, 399u, 404u}) {
      CAPTURE(status);
      const Outcome outcome = warm_up(warm_ups, head(status));
      CHECK(outcome.failure == "");
      REQUIRE(outcome.warnings.size() == 1);
      CHECK(test::has_fields(outcome.warnings[0],
                             {"--warmup /x", std::to_string(status), "--warmup-accept"}));
    }
    for (const unsigned status : {299u, 400u, 403u, 405u}) {
      CAPTURE(status);
      CHECK((warm_up(warm_ups, head(status)).failure == "") == (status == 299));
    }
    const Outcome moved = warm_up(warm_ups, head(301, "/y"));
    REQUIRE(moved.warnings.size() == 1);
    CHECK(test::has_fields(moved.warnings[0], {"--warmup /x", "301", "/y"}));
  }

  TEST_CASE("a failure says what to do") {
    const auto cure = [](const WarmUps& warm_ups, const std::string& response) {
      const std::string failure = warm_up(warm_ups, response).failure;
      const std::size_t at = failure.find("; ");
      return at == std::string::npos ? "" : failure.substr(at + 2);
    };
    const std::string secure = "https://a.example/x";
    CHECK(cure(asks("/x"), head(301, secure)) ==
          "the application redirects http to https: --warmup https://a.example/x");
    CHECK(cure(asks("/x"), head(302, "/x/")) ==
          "follow the redirect with --warmup /x/, or accept it with --warmup-accept 302");
    CHECK(cure(asks("/x"), head(400)).find("--warmup https://example.org/x") != std::string::npos);
    CHECK(cure(asks("/x"), head(404)) == "");
    CHECK(cure(asks("/x"), head(302)) == "");
    WarmUps whole;
    whole.requests = {{.text = secure, .target = "/x", .host = "a.example", .https = true}};
    CHECK(cure(whole, head(400)) == "");
    CHECK(cure(whole, head(301, secure + "/")).starts_with("follow the redirect with "));
  }

  TEST_CASE("the first that fails is the last that is asked") {
    WarmUps warm_ups = asks("/1");
    warm_ups.requests.push_back({.text = "/2", .target = "/2"});
    CHECK(warm_up(warm_ups, head(500)).failure.find("--warmup /1 ") != std::string::npos);
    CHECK(warm_up(warm_ups, head(200)).failure == "");
  }
}
