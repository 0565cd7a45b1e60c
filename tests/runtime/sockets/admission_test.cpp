// Tests of --allow and --allow-user.

#include "runtime/sockets/admission.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "runtime/support/unique_fd.hpp"

namespace appd::sockets {
namespace {

using support::UniqueFd;

/// A TCP connection to a listener on all interfaces. `from` is the client's address.
class Accepted {
 public:
  explicit Accepted(const char* from) {
    const UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int off = 0;
    ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    sockaddr_in6 bound{};
    bound.sin6_family = AF_INET6;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&bound), sizeof bound) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    socklen_t size = sizeof bound;
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0);

    client_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in own{};
    own.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, from, &own.sin_addr) == 1);
    REQUIRE(::bind(client_.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) == 0);
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = bound.sin6_port;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(client_.get(), reinterpret_cast<sockaddr*>(&peer), sizeof peer) == 0);
    socket_.reset(::accept(listener.get(), nullptr, nullptr));
    REQUIRE(socket_);
  }
  int get() const { return socket_.get(); }

 private:
  UniqueFd client_;
  UniqueFd socket_;
};

Admission only(const char* network) {
  Admission admission;
  admission.networks.push_back(support::IpNetwork::parse(network).value());
  return admission;
}

}  // namespace

TEST_SUITE_BEGIN("admission");

TEST_CASE("lists that are empty admit everyone, unasked") {
  CHECK_FALSE(Admission().refusal(-1, true));
  CHECK_FALSE(Admission().refusal(-1, false));
}

TEST_CASE("an address that comes over an IPv6 socket is that of IPv4") {
  const Accepted near("127.0.0.1");
  const Accepted other("127.0.0.2");
  const Admission admission = only("127.0.0.1");
  CHECK_FALSE(admission.refusal(near.get(), false));
  CHECK(admission.refusal(other.get(), false) == "127.0.0.2 is not in --allow");
  Admission named = only("10.0.0.0/8");
  named.networks_by = "FCGI_WEB_SERVER_ADDRS";
  CHECK(named.refusal(near.get(), false) == "127.0.0.1 is not in FCGI_WEB_SERVER_ADDRS");
  CHECK_FALSE(only("127.0.0.0/8").refusal(other.get(), false));
}

TEST_CASE("who has no address is refused") {
  const UniqueFd unconnected(::socket(AF_INET, SOCK_STREAM, 0));
  CHECK(only("0.0.0.0/0").refusal(unconnected.get(), false).value().find("not known") !=
        std::string::npos);
}

TEST_CASE("a user is asked for on Unix sockets, and root is always admitted") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  const UniqueFd one(ends[0]);
  const UniqueFd two(ends[1]);
  Admission admission;
  admission.users = {::geteuid()};
  CHECK_FALSE(admission.refusal(one.get(), true));
  admission.users = {12345};
  const auto refusal = admission.refusal(one.get(), true);
  if (::geteuid() == 0) {
    CHECK_FALSE(refusal);
  } else {
    CHECK(refusal.value().find("is not in --allow-user") != std::string::npos);
  }
}

TEST_SUITE_END();

}  // namespace appd::sockets
