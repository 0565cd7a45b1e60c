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

TEST_SUITE_END();

}  // namespace appd::gateway
