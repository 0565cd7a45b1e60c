// Tests of HTTP clients that are gone before the server looks at them.

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "fakes/busy_server.hpp"
#include "http_requests.hpp"

using namespace appd;
using namespace appd::test;

TEST_SUITE("http gone client") {
  TEST_CASE("a client that is gone before it has an address is none on a Unix socket") {
    auto listening = sockets::ListeningSocket::open(sockets::TcpEndpoint{"127.0.0.1", "0"}, {});
    const std::string name = listening.name();
    const auto port = static_cast<std::uint16_t>(std::stoul(name.substr(name.rfind(':') + 1)));
    const support::UniqueFd listener = listening.take_fd();
    FrontSocket client = FrontSocket::to_port(port);
    pollfd waiting{listener.get(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 10'000) == 1);
    support::UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
    REQUIRE(socket);
    client.reset();
    pollfd gone{socket.get(), 0, 0};
    REQUIRE(::poll(&gone, 1, 10'000) == 1);
    BusyServer here;
    here.server.adopt(std::move(socket), net::Caller::client, get("/"));
    CHECK(here.pool.waiting.empty());
    CHECK(here.server.connections() == 0);
  }
}
