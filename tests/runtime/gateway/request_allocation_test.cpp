// Tests that a reused request allocates nothing and keeps little.

#include <doctest/doctest.h>

#include "fakes/counting_new.hpp"
#include "runtime/gateway/fronts.hpp"
#include "runtime/gateway/request.hpp"
#include "runtime/gateway/sent_variables.hpp"

namespace appd::gateway {

TEST_SUITE_BEGIN("request");

TEST_CASE("a warm request allocates nothing") {
  namespace fronts = test::fronts;
  EnvironPolicy mounted;
  mounted.mount = "/app";
  for (const auto sent : {fronts::kNginxFastcgi, fronts::kNginxScgi, fronts::kApacheFastcgi,
                          fronts::kLighttpd, fronts::kHaproxy, fronts::kCaddy}) {
    CAPTURE(sent);
    VariableBlock block;
    test::fill(block, test::lines(sent));
    const std::vector<Variable> variables = block.variables;
    Request request;
    NameLayouts layouts;
    std::size_t warm = 0;
    for (int round = 0; round < 3; ++round) {
      const std::size_t before = fakes::allocations;
      request.clear();
      request.block().variables.assign(variables.begin(), variables.end());
      const bool refused = request.prepare(mounted, BodyEnd::on_wire, layouts).has_value();
      request.set_content_length(12345678901234567890u);
      warm = fakes::allocations - before;
      REQUIRE_FALSE(refused);
    }
    CHECK(warm == 0);
  }
}

TEST_CASE("a large request leaves no more memory behind than others need") {
  VariableBlock block;
  std::string text;
  constexpr std::size_t kCount = 25'000;
  constexpr std::size_t kLength = 10;
  for (std::size_t i = 0; i < kCount; ++i) text += std::to_string(1'000'000'000 + i);
  text += "HTTP_AGAIN";
  text += "GET_METHOD";
  block.bytes.assign(text.begin(), text.end());
  const auto piece = [&](std::size_t i) {
    return std::string_view(block.bytes.data() + i * kLength, kLength);
  };
  block.variables.push_back({"REQUEST_METHOD", piece(kCount + 1).substr(0, 3)});
  for (std::size_t i = 0; i < kCount; ++i) block.variables.push_back({piece(i), piece(i)});
  for (std::size_t i = 0; i < 5000; ++i) block.variables.push_back({piece(kCount), piece(i)});

  Request request;
  NameLayouts layouts;
  const std::size_t before = fakes::bytes_in_use();
  std::swap(request.block(), block);
  REQUIRE_FALSE(request.prepare({}, BodyEnd::on_wire, layouts).has_value());
  CHECK(request.environ().size() > kCount);
  request.clear();
  block = {};
  // 128 of the names are remembered, and the first block was made outside.
  CHECK(fakes::bytes_in_use() < before + 64 * 1024);
  CHECK_FALSE(request.block().is_large());
}

TEST_SUITE_END();

}  // namespace appd::gateway
