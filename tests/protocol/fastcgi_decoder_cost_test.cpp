// Tests of the memory and the time that a FastCGI decoder needs.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "fakes/counting_new.hpp"
#include "protocol/fastcgi_decoder.hpp"
#include "protocol/fastcgi_heads.hpp"
#include "protocol/usual_limits.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

constexpr unsigned kAuthorizer = 2;  // a role that is refused

TEST_SUITE("fastcgi decoder") {
  TEST_CASE("a warm decoder allocates nothing for a request") {
    std::string pairs;
    for (int i = 0; i < 25; ++i) {
      pairs += fastcgi_pairs({{"HTTP_X_HEADER_" + std::to_string(i), "a value of common length"}});
    }
    const auto bytes = head(1, kKeep, pairs) + stdin_of(1, "");
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    gateway::VariableBlock block;
    const auto serve = [&] {
      std::string_view input = bytes;
      const bool got = decoder.next(input).kind == Event::Kind::request;
      decoder.take_variables(1, block);
      decoder.expect_body(1, 0);
      const bool ended = decoder.next(input).kind == Event::Kind::body_end;
      const bool starved = decoder.next(input).kind == Event::Kind::starved;
      decoder.release(1);
      return got && ended && starved && block.variables.size() == 25;
    };
    for (int warming = 0; warming < 3; ++warming) REQUIRE(serve());
    const auto before = fakes::allocations.load();
    bool all = true;
    for (int i = 0; i < 100; ++i) all = serve() && all;
    const auto after = fakes::allocations.load();
    CHECK(all);
    CHECK_EQ(before, after);
  }

  TEST_CASE("the memory of a head serves the next connection once it is taken or refused") {
    gateway::BlockPool blocks;
    FastcgiDecoder first{kUsualLimits, blocks};
    FastcgiDecoder second{kUsualLimits, blocks};
    gateway::VariableBlock block;
    block.bytes.assign(100, 'x');
    const char* const memory = block.bytes.data();
    const auto good = head(1, kKeep);
    std::string_view input = good;
    REQUIRE_EQ(first.next(input).kind, Event::Kind::request);
    first.take_variables(1, block);

    // The second decoder has the memory from its BEGIN to the refusal.
    const auto bad = begin(1, kKeep) + params(1, "");
    input = bad;
    REQUIRE_EQ(second.next(input).kind, Event::Kind::refused);

    const auto next = begin(3, kKeep) + params(3, kPairs) + params(3, "");
    input = next;
    REQUIRE_EQ(first.next(input).kind, Event::Kind::request);
    first.take_variables(3, block);
    CHECK_EQ(block.bytes.data(), memory);
  }

  TEST_CASE("a large request's memory is not kept for the next") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    std::string half;
    for (int i = 0; i < 500; ++i) half += fastcgi_pairs({{"A", std::string(120, 'v')}});
    const auto bytes = begin(1, kKeep) + params(1, half) + params(1, half) + params(1, "") +
                       stdin_of(1, "") + head(1, kKeep);
    gateway::VariableBlock block;
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.expect_body(1, 0);
    decoder.release(1);
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.take_variables(1, block);
    CHECK_LT(block.bytes.capacity(), half.size());
    CHECK_LT(block.variables.capacity(), 1000);
  }

  TEST_CASE("what a front owes of old requests does not make new ones slower") {
    const auto time_with = [](unsigned owed) {
      gateway::BlockPool blocks;
      FastcgiDecoder decoder{kUsualLimits, blocks};
      const auto begin_and_end = [&](unsigned id) {
        const auto bytes = begin(id, kKeep, kAuthorizer);
        std::string_view input = bytes;
        return decoder.next(input).kind;
      };
      for (unsigned id = 1; id <= owed; ++id) begin_and_end(id);
      auto best = std::chrono::nanoseconds::max();
      for (int round = 0; round < 5; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (unsigned id = 60000; id < 60200; ++id) begin_and_end(id);
        best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
      }
      CHECK(decoder.owes_body());
      return best;
    };
    CHECK_LT(time_with(59000).count(), 20 * time_with(10).count());
  }

  TEST_CASE("what is owed is forgotten with the end of each STDIN") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    std::string bytes;
    for (unsigned id = 1; id <= 65535; ++id) bytes += begin(id, kKeep, kAuthorizer);
    std::string_view input = bytes;
    while (decoder.next(input).kind == Event::Kind::reply) {
    }
    for (unsigned id = 65535; id >= 1; --id) {
      if (!decoder.owes_body()) FAIL("all are forgotten at ", id);
      const auto end = stdin_of(id, "");
      input = end;
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::starved);
    }
    CHECK_FALSE(decoder.owes_body());
    CHECK(decoder.holds_nothing());
  }
}

}  // namespace
}  // namespace appd::protocol
