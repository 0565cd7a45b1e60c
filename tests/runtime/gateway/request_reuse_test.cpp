// Tests of many requests in one object, and of requests with many variables.

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/gateway/fronts.hpp"
#include "runtime/gateway/prepared_request.hpp"
#include "runtime/gateway/sent_variables.hpp"

namespace appd::gateway {

using namespace test;

TEST_SUITE_BEGIN("request");

TEST_CASE("an object is used again and again") {
  Request request;
  EnvironPolicy mounted;
  mounted.mount = "/app";
  REQUIRE(prepare(request, lines("REQUEST_METHOD=\nHTTPS=on\n")));
  REQUIRE_FALSE(prepare(request, lines(fronts::kHaproxy), mounted));
  CHECK(request.find("SCRIPT_NAME") == "/app");
  REQUIRE_FALSE(prepare(request, lines(with(kPost, "HTTPS=on\nCONTENT_LENGTH=-1\n"))));
  CHECK(request.url_scheme() == "https");
  REQUIRE_FALSE(prepare(request, lines(kGet)));
  CHECK(request.url_scheme() == "http");
  CHECK(request.content_length() == 0);
  CHECK(request.front() == Front::other);
  CHECK(request.environ().size() == 8);
  REQUIRE_FALSE(prepare(request,
                        lines(with(kPost,
                                   "HTTPS=on\nSERVER_SOFTWARE=nginx/1.22.1\nCONTENT_LENGTH=5\n"
                                   "SCGI=1\nAPPD_CONTENT_LENGTH=12\n")),
                        {}, BodyEnd::by_length));
  CHECK(request.content_length() == 12);
  request.clear();
  CHECK(request.url_scheme() == "http");
  CHECK(request.front() == Front::other);
  CHECK(request.environ().empty());
  CHECK(request.method().empty());
  CHECK(request.uri().empty());
  CHECK_FALSE(request.content_length());
}

TEST_CASE("what is known of earlier requests makes no other request of one") {
  const std::vector<std::string> names{"REQUEST_METHOD",
                                       "REQUEST_URI",
                                       "QUERY_STRING",
                                       "CONTENT_LENGTH",
                                       "CONTENT_TYPE",
                                       "PATH_INFO",
                                       "SCRIPT_NAME",
                                       "SERVER_NAME",
                                       "SERVER_PORT",
                                       "SERVER_SOFTWARE",
                                       "HTTPS",
                                       "REQUEST_SCHEME",
                                       "HTTP_HOST",
                                       "HTTP_COOKIE",
                                       "HTTP_X_ONE",
                                       "HTTP_X_TWO",
                                       "HTTP_PROXY",
                                       "UWSGI_SCHEME",
                                       "REMOTE_USER",
                                       "REMOTE_ADDR",
                                       "PATH",
                                       "X-odd",
                                       "with.dot",
                                       std::string(3000, 'L'),
                                       "HTTP_CONTENT_LENGTH",
                                       "HTTP_TRANSFER_ENCODING"};
  const std::vector<std::string> values{"", "GET", "12", "/a/b?c", "https", "on", "localhost"};
  std::mt19937 random(7);
  const auto pick = [&random](std::size_t below) { return random() % below; };
  const auto seen = [](const Request& request, const std::optional<Refusal>& refusal) {
    std::string all = refusal ? refusal->reason : "served";
    for (const Variable& variable : request.environ()) {
      all.append("\n").append(variable.name).append("=").append(variable.value);
    }
    all.append("\n").append(request.method()).append(request.uri()).append(request.url_scheme());
    return all + std::to_string(request.content_length().value_or(99));
  };
  const auto all_names = [](const Request& request) {
    std::string all;
    for (const Variable& variable : request.environ()) all.append(variable.name).append("\n");
    return all;
  };
  Request used;
  NameLayouts layouts;
  int seen_again = 0;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::string> names_by_id;
  NamesAndValues sent{{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/x"}};
  for (int round = 0; round < 20'000; ++round) {
    // A few changes to the last request: another value, another name, one more, one less, a swap.
    const bool values_only = pick(4) > 0;
    for (std::size_t change = pick(4); change > 0; --change) {
      const std::size_t place = pick(sent.size());
      switch (values_only ? 0 : pick(5)) {
        case 0:
          sent[place].second = values[pick(values.size())];
          break;
        case 1:
          sent[place].first = names[pick(names.size())];
          break;
        case 2:
          sent.insert(sent.begin() + static_cast<std::ptrdiff_t>(place),
                      {names[pick(names.size())], values[pick(values.size())]});
          break;
        case 3:
          if (sent.size() > 1) sent.erase(sent.begin() + static_cast<std::ptrdiff_t>(place));
          break;
        default:
          std::swap(sent[place], sent[pick(sent.size())]);
      }
    }
    if (sent.size() > 30) sent.resize(10);
    EnvironPolicy policy;
    policy.drop_remote_user = pick(2) == 0;
    policy.trust_uwsgi_scheme = pick(2) == 0;
    Request fresh;
    const auto expected = prepare(fresh, sent, policy);
    const auto got = prepare(used, sent, policy, BodyEnd::on_wire, layouts);
    REQUIRE(seen(used, got) == seen(fresh, expected));
    if (got) continue;
    if (pick(8) == 0) used.set_content_length(7);
    if (!used.names().known()) continue;
    const NamesId id = used.names();
    const auto [first, is_new] = names_by_id.try_emplace({id.layout, id.dropped}, all_names(used));
    if (!is_new) ++seen_again;
    REQUIRE(first->second == all_names(used));
  }
  CHECK(seen_again > 300);
}

TEST_CASE("tens of thousands of variables take linear time") {
  // Distinct names, one name over and over, and as many pairs: quadratic work on any of these would
  // take minutes.
  constexpr int kMany = 40000;
  NamesAndValues distinct = lines(kGet), same = distinct, pairs = distinct;
  for (int i = 0; i < kMany; ++i) {
    distinct.emplace_back("HTTP_X" + std::to_string(i), "v");
    same.emplace_back("HTTP_X", "v");
    pairs.emplace_back("HTTP_X" + std::to_string(i / 2), "v");
  }
  const auto start = std::chrono::steady_clock::now();
  Request request;
  REQUIRE_FALSE(prepare(request, distinct));
  CHECK(request.environ().size() == kMany + 8);
  REQUIRE_FALSE(prepare(request, same));
  CHECK(request.find("HTTP_X").size() == 3 * kMany - 2);
  REQUIRE_FALSE(prepare(request, pairs));
  CHECK(request.environ().size() == kMany / 2 + 8);
  CHECK(request.find("HTTP_X7") == "v, v");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_SUITE_END();

}  // namespace appd::gateway
