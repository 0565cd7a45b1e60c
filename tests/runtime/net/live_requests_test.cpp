// Tests of the requests that are under way on a connection.

#include "runtime/net/live_requests.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace appd;
using net::LiveRequest;
using net::LiveRequests;
using net::WireExchange;

namespace {

std::shared_ptr<WireExchange> exchange_of(int id) {
  auto exchange = std::make_shared<WireExchange>();
  protocol::Event event;
  event.id = static_cast<protocol::RequestId>(id);
  event.keep_connection = true;
  exchange->open(nullptr, nullptr, protocol::Wire::fastcgi, event);
  return exchange;
}

}  // namespace

TEST_SUITE("live requests") {
  TEST_CASE("a request is found by its id until that may be used again, and by its exchange") {
    LiveRequests live;
    const auto first = exchange_of(1);
    live.add(first);
    live.add(exchange_of(2));
    CHECK(&live.find(protocol::RequestId{1})->exchange() == first.get());
    CHECK(live.find(protocol::RequestId{3}) == nullptr);
    live.find(protocol::RequestId{1})->release();
    CHECK(live.find(protocol::RequestId{1}) == nullptr);
    CHECK(live.find(first.get())->released());
    CHECK(live.has(first.get()));
    const auto again = exchange_of(1);
    CHECK_FALSE(live.has(again.get()));
    live.add(again);
    CHECK(&live.find(protocol::RequestId{1})->exchange() == again.get());
  }

  TEST_CASE("what was taken is forgotten, and the rest stays in order") {
    LiveRequests live;
    for (const int id : {1, 2, 3}) live.add(exchange_of(id));
    live.find(protocol::RequestId{2})->take();
    live.find(protocol::RequestId{1})->take();
    live.erase_taken();
    CHECK(live.size() == 1);
    CHECK(live.front().exchange().id() == 3);
  }

  TEST_CASE("an answered request does not count") {
    LiveRequests live;
    for (const int id : {1, 2, 3}) live.add(exchange_of(id));
    CHECK(live.unanswered() == 3);
    live.find(protocol::RequestId{2})->release();
    CHECK(live.unanswered() == 2);
    CHECK_FALSE(live.all_finishing());
    for (LiveRequest& each : live) each.release();
    CHECK(live.unanswered() == 0);
    CHECK(live.all_finishing());
    WireExchange& running = live.front().exchange();
    running.set_queued({});
    REQUIRE(running.try_start({}));
    CHECK(live.all_finishing());
    running.on_front_gone();
    CHECK_FALSE(live.all_finishing());
  }

  TEST_CASE("a front owes body bytes until the body ends or nobody wants it") {
    LiveRequests live;
    for (const int id : {1, 2}) live.add(exchange_of(id));
    CHECK(live.any_awaits_body());
    live.find(protocol::RequestId{1})->end_body();
    CHECK(live.any_awaits_body());
    live.find(protocol::RequestId{2})->release();
    CHECK_FALSE(live.any_awaits_body());
    for (LiveRequest& each : live) each.end_body();  // changes nothing
    CHECK(live.find(protocol::RequestId{2}) == nullptr);
    CHECK(live.find(protocol::RequestId{1}) != nullptr);
  }

  TEST_CASE("a full body holds the front while somebody is to read it") {
    LiveRequests live;
    const auto exchange = exchange_of(1);
    exchange->body().open(10, net::Overflow::pause, "/nowhere");
    live.add(exchange);
    CHECK_FALSE(live.any_holds_front());
    exchange->body().append("0123456789");
    CHECK(live.any_holds_front());
    exchange->try_give_up();
    CHECK_FALSE(live.any_holds_front());
  }
}
