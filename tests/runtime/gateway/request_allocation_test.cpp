#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/gateway/fronts.hpp"
#include "runtime/gateway/request.hpp"
#include "runtime/gateway/sent_variables.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}

// This program's own, to count; all other forms of new and delete come down to these.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

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
    std::size_t warm = 0;
    for (int round = 0; round < 3; ++round) {
      const std::size_t before = allocations;
      request.clear();
      request.block().variables.assign(variables.begin(), variables.end());
      const bool refused = request.prepare(mounted, BodyEnd::on_wire).has_value();
      request.set_content_length(12345678901234567890u);
      warm = allocations - before;
      REQUIRE_FALSE(refused);
    }
    CHECK(warm == 0);
  }
}

TEST_SUITE_END();

}  // namespace appd::gateway
