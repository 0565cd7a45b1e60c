// Tests of the pool that lends exchanges.

#include "runtime/net/exchange_pool.hpp"

#include <doctest/doctest.h>

#include "runtime/net/wire_exchange.hpp"

using namespace appd;
using net::ExchangePool;
using net::WireExchange;

TEST_SUITE("exchange pool") {
  TEST_CASE("the exchange that was given back last is lent first") {
    ExchangePool pool;
    auto first = pool.take();
    auto second = pool.take();
    const WireExchange* const last = second.get();
    pool.give_back(std::move(first));
    pool.give_back(std::move(second));
    CHECK(pool.take().get() == last);
  }

  TEST_CASE("an exchange that a thread still holds is not lent again") {
    ExchangePool pool;
    auto held = pool.take();
    pool.give_back(held);
    CHECK(pool.take() != held);
    const WireExchange* const address = held.get();
    held.reset();
    CHECK(pool.take().get() == address);
  }

  TEST_CASE("an exchange whose call has not come back is not lent again") {
    ExchangePool pool;
    auto exchange = pool.take();
    exchange->open(nullptr, nullptr, protocol::Wire::scgi, {});
    exchange->set_queued({});
    REQUIRE(exchange->try_start({}));
    const WireExchange* const running = exchange.get();
    pool.give_back(std::move(exchange));
    CHECK(pool.take().get() != running);
  }

  TEST_CASE("no more than 64 are kept") {
    ExchangePool pool;
    std::vector<std::shared_ptr<WireExchange>> lent;
    for (int i = 0; i < 65; ++i) lent.push_back(pool.take());
    std::vector<std::weak_ptr<WireExchange>> seen(lent.begin(), lent.end());
    for (auto& each : lent) pool.give_back(std::move(each));
    lent.clear();
    CHECK_FALSE(seen[63].expired());
    CHECK(seen[64].expired());
  }
}
