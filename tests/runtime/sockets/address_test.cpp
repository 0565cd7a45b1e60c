// Tests of listen addresses, parsed and refused.

#include "runtime/sockets/address.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace appd::sockets;

namespace {

std::string problem_with(const std::string& text) {
  try {
    parse_address(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_SUITE("address") {
  TEST_CASE("paths") {
    CHECK(std::get<UnixPath>(parse_address("/run/app.sock")).path == "/run/app.sock");
    CHECK(std::get<UnixPath>(parse_address("unix:/run/app.sock")).path == "/run/app.sock");
    CHECK(std::get<UnixPath>(parse_address("unix:app.sock")).path == "app.sock");
    CHECK(std::get<UnixPath>(parse_address("run/app.sock")).path == "run/app.sock");
    CHECK(std::get<UnixPath>(parse_address("/run/a:80")).path == "/run/a:80");
    CHECK(std::get<UnixPath>(parse_address("/" + std::string(106, 'x'))).path.size() == 107);
  }

  TEST_CASE("abstract names") {
    CHECK(std::get<AbstractName>(parse_address("@app")).name == "app");
    CHECK(std::get<AbstractName>(parse_address("@a/b")).name == "a/b");
  }

  TEST_CASE("hosts and ports") {
    const auto check = [](const std::string& text, const std::string& host,
                          const std::string& port) {
      CAPTURE(text);
      const auto tcp = std::get<TcpEndpoint>(parse_address(text));
      CHECK(tcp.host == host);
      CHECK(tcp.port == port);
    };
    check("127.0.0.1:8000", "127.0.0.1", "8000");
    check("localhost:0", "localhost", "0");
    check(":8000", "", "8000");
    check("*:65535", "*", "65535");
    check("[::1]:8000", "::1", "8000");
    check("[fe80::1%eth0]:1", "fe80::1%eth0", "1");
  }

  TEST_CASE("sockets that the service manager passes, all or by name") {
    CHECK(std::get<PassedName>(parse_address("systemd")).name == "");
    CHECK(std::get<PassedName>(parse_address("systemd:web")).name == "web");
    CHECK(std::get<PassedName>(parse_address("systemd:80")).name == "80");
    CHECK(problem_with("systemd:").find("name is empty") != std::string::npos);
    CHECK(std::get<TcpEndpoint>(parse_address("systemd.test:80")).host == "systemd.test");
    CHECK(std::get<UnixPath>(parse_address("unix:systemd")).path == "systemd");
  }

  TEST_CASE("what is no address says what is wrong with it") {
    CHECK(problem_with("localhost").find("neither a path nor host:port") != std::string::npos);
    CHECK(problem_with("").find("neither a path") != std::string::npos);
    CHECK(problem_with("8000").find("neither a path") != std::string::npos);
    CHECK(problem_with("http://127.0.0.1:8000/")
              .find("an address must not begin with http://; appd speaks FastCGI, uwsgi or SCGI "
                    "with a front server that speaks HTTP; write 127.0.0.1:8000") !=
          std::string::npos);
    CHECK(problem_with("tcp://[::1]:80").ends_with("with tcp://; write [::1]:80"));
    CHECK(problem_with("fcgi:///run/a.sock").ends_with("write /run/a.sock"));
    CHECK(problem_with("unix:").find("path is empty") != std::string::npos);
    CHECK(problem_with("@").find("abstract name is empty") != std::string::npos);
    CHECK(problem_with("@" + std::string(108, 'x')).find("too long") != std::string::npos);
    CHECK(problem_with("/" + std::string(107, 'x')).find("longer than the 107") !=
          std::string::npos);
    CHECK(problem_with("::1:8000").find("needs brackets") != std::string::npos);
    CHECK(problem_with("[::1]").find("no ]:port") != std::string::npos);
    CHECK(problem_with("[::1:80").find("no ]:port") != std::string::npos);
    for (const char* port : {"a:", "a:http", "a:65536", "a:-1", "a:1 ", "a:123456", "[::1]:"}) {
      CAPTURE(port);
      CHECK(problem_with(port).find("0 to 65535") != std::string::npos);
    }
  }

  TEST_CASE("an address reads as an operator writes it") {
    for (const char* text : {"systemd", "systemd:web", "/run/app.sock", "@app", "127.0.0.1:80",
                             "[::1]:80", ":80", "localhost:8000"}) {
      CHECK(to_string(parse_address(text)) == text);
    }
    CHECK(to_string(parse_address("unix:/a")) == "/a");
    CHECK(to_string(parse_address("unix:///a")) == "///a");
  }
}
