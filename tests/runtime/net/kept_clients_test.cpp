// Tests of the time that clients' idle connections have.

#include "runtime/net/kept_clients.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace appd;
using namespace appd::net;
using namespace std::chrono_literals;

namespace {

struct Client final : KeptClient {
  Client(std::string own_name, std::vector<std::string>& told_names)
      : name(std::move(own_name)), told(told_names) {}
  void on_kept_too_long(bool idle) override { told.push_back(name + (idle ? "" : " busy")); }

  const std::string name;
  std::vector<std::string>& told;
};

/// Runs the loop until `count` were told, or nothing happens for long.
void run(EventLoop& loop, const std::vector<std::string>& told, std::size_t count) {
  bool late = false;
  EventLoop::Timer end(loop, [&late] { late = true; });
  end.expire_after(30s);
  while (told.size() < count && !late) loop.run_one();
}

}  // namespace

TEST_SUITE("kept clients") {
  TEST_CASE("are told in the order in which they were used last, once") {
    EventLoop loop;
    KeptClients kept(loop, 50ms);
    std::vector<std::string> told;
    Client one("one", told);
    Client two("two", told);
    Client released("released", told);
    kept.keep(one, true);
    kept.keep(two, false);
    kept.keep(released, true);
    {
      Client destroyed("destroyed", told);
      kept.keep(destroyed, true);
    }
    kept.keep(one, true);
    KeptClients::release(released);
    run(loop, told, 2);
    CHECK(told == std::vector<std::string>{"two busy", "one"});
    kept.keep(two, true);
    run(loop, told, 3);
    CHECK(told.back() == "two");
  }

  TEST_CASE("without a time nobody is told") {
    EventLoop loop;
    KeptClients kept(loop, 0ms);
    std::vector<std::string> told;
    Client one("one", told);
    kept.keep(one, true);
    CHECK_FALSE(one.is_linked());
  }
}
