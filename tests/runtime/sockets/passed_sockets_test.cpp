// Tests of socket activation.

#include "runtime/sockets/passed_sockets.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fakes/front_socket.hpp"
#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::sockets;
using test::FrontSocket;
using test::in_process;
using test::TemporaryFolder;
using Names = std::vector<std::string>;

namespace {

/// Runs `body` in a process to which these sockets were passed. Returns its exit code.
int with_passed(const std::vector<int>& sockets, const char* names,
                const std::function<int()>& body) {
  return in_process([&] {
    constexpr int kOutOfTheWay = 100;
    std::vector<int> copies;
    for (const int fd : sockets) copies.push_back(::fcntl(fd, F_DUPFD, kOutOfTheWay));
    for (std::size_t i = 0; i < copies.size(); ++i) ::dup2(copies[i], 3 + static_cast<int>(i));
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names, 1);
    return body();
  });
}

/// The same with LISTEN_FDS or another of the variables changed. std::nullopt leaves one out.
int with_variable(int socket, const char* variable, const std::optional<std::string>& value,
                  const std::function<int()>& body) {
  return with_passed({socket}, "web", [&] {
    value ? ::setenv(variable, value->c_str(), 1) : ::unsetenv(variable);
    return body();
  });
}

std::string problem_of_receiving() {
  try {
    PassedSockets::receive();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "none";
}

std::string problem_with(PassedSockets& sockets, const PassedName& wanted) {
  try {
    sockets.take(wanted);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("passed sockets") {
  TEST_CASE("sockets come by name, ready to accept, and know where they listen") {
    const TemporaryFolder folder;
    const auto first = ListeningSocket::open(UnixPath{folder / "first"}, {});
    const auto second = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    CHECK(with_passed({first.fd(), second.fd()}, "web:tcp", [&] {
            ::fcntl(3, F_SETFL, 0);  // as systemd may pass it
            PassedSockets passed = PassedSockets::receive();
            if (passed.left() != Names{"web", "tcp"}) return 1;
            const auto tcp = passed.take({"tcp"});
            if (passed.left() != Names{"web"}) return 2;
            const auto web = passed.take({"web"});
            if (tcp.size() != 1 || web.size() != 1) return 3;
            if (tcp[0].name() != second.name() || web[0].name() != first.name()) return 4;
            if (!tcp[0].is_tcp() || web[0].is_tcp()) return 5;
            if (!tcp[0].is_private() || !web[0].is_private()) return 6;
            if ((::fcntl(web[0].fd(), F_GETFL) & O_NONBLOCK) == 0) return 7;
            if ((::fcntl(web[0].fd(), F_GETFD) & FD_CLOEXEC) == 0) return 8;
            return 42;
          }) == 42);
  }

  TEST_CASE("an empty name takes all, and several may share one") {
    const TemporaryFolder folder;
    const auto first = ListeningSocket::open(UnixPath{folder / "first"}, {});
    const auto second = ListeningSocket::open(AbstractName{folder / "second"}, {});
    for (const char* names : {"a:b", "a:a"}) {
      CAPTURE(names);
      CHECK(with_passed({first.fd(), second.fd()}, names, [&] {
              const bool shared = std::string(names) == "a:a";
              PassedSockets passed = PassedSockets::receive();
              const auto all = passed.take({shared ? "a" : ""});
              const bool both = all.size() == 2 && all[1].name() == second.name();
              return both && passed.left().empty() ? 42 : 1;
            }) == 42);
    }
  }

  TEST_CASE("what all interfaces reach is not private") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"*", "0"}, {});
    CHECK(with_passed({socket.fd()}, "web", [&] {
            const auto taken = PassedSockets::receive().take({""});
            return taken[0].is_tcp() && !taken[0].is_private() ? 42 : 1;
          }) == 42);
  }

  TEST_CASE("the file of a passed socket stays as it is") {
    const TemporaryFolder folder;
    const std::string path = folder / "socket";
    const auto socket = ListeningSocket::open(UnixPath{path}, {0600, "", ""});
    CHECK(with_passed({socket.fd()}, "web", [] {
            for (ListeningSocket& taken : PassedSockets::receive().take({""})) taken.remove_file();
            return 42;
          }) == 42);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK_FALSE(FrontSocket::to_unix(path).ended());
  }

  TEST_CASE("what is not there is an error that says what is") {
    PassedSockets none;
    CHECK(has(problem_with(none, {""}), "systemd: the service manager has passed no socket"));
    CHECK(
        has(problem_with(none, {"web"}), "systemd:web: the service manager has passed no socket"));
    const TemporaryFolder folder;
    const auto socket = ListeningSocket::open(UnixPath{folder / "first"}, {});
    CHECK(with_passed({socket.fd(), socket.fd()}, "a:b", [&] {
            PassedSockets passed = PassedSockets::receive();
            if (!has(problem_with(passed, {"web"}), "has passed only a, b;")) return 1;
            return passed.left() == Names{"a", "b"} ? 42 : 2;
          }) == 42);
  }

  TEST_CASE("what does not accept connections is refused by name") {
    const support::UniqueFd datagram(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const support::UniqueFd silent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const support::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    for (const support::UniqueFd* fd : {&datagram, &silent, &file}) {
      CHECK(with_passed({fd->get()}, "web", [] {
              PassedSockets passed = PassedSockets::receive();
              return has(problem_with(passed, {"web"}), "systemd:web: is not a listening") ? 42 : 1;
            }) == 42);
    }
  }

  TEST_CASE("the variables are gone afterwards, and another process's are not ours") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    CHECK(with_passed({socket.fd()}, "web", [] {
            PassedSockets::receive();
            for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
              if (std::getenv(name) != nullptr) return 1;
            }
            return 42;
          }) == 42);
    CHECK(with_passed({socket.fd()}, "web", [] {
            ::setenv("LISTEN_PID", "1", 1);
            return PassedSockets::receive().left().empty() ? 42 : 1;
          }) == 42);
  }

  TEST_CASE("without one of the two numbers nothing was passed") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    for (const char* variable : {"LISTEN_PID", "LISTEN_FDS"}) {
      CAPTURE(variable);
      CHECK(with_variable(socket.fd(), variable, std::nullopt,
                          [] { return PassedSockets::receive().left().empty() ? 42 : 1; }) == 42);
    }
    CHECK(with_variable(socket.fd(), "LISTEN_FDS", "0",
                        [] { return PassedSockets::receive().left().empty() ? 42 : 1; }) == 42);
  }

  TEST_CASE("sockets without names are unknown, and a name may be empty") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    CHECK(with_variable(socket.fd(), "LISTEN_FDNAMES", std::nullopt, [] {
            return PassedSockets::receive().left() == Names{"unknown"} ? 42 : 1;
          }) == 42);
    CHECK(with_passed({socket.fd(), socket.fd(), socket.fd()}, "a::b", [] {
            return PassedSockets::receive().left() == Names{"a", "", "b"} ? 42 : 1;
          }) == 42);
  }

  TEST_CASE("what cannot be true is an error that names the variable, and no child sees it again") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    const std::pair<const char*, const char*> wrong[] = {
        {"LISTEN_PID", "me"},          {"LISTEN_PID", ""},
        {"LISTEN_FDS", "-1"},          {"LISTEN_FDS", "1 "},
        {"LISTEN_FDS", "2000000000"},  {"LISTEN_FDS", "18446744073709551616"},
        {"LISTEN_FDNAMES", "web:tcp"}, {"LISTEN_FDNAMES", ":"}};
    for (const auto& each : wrong) {
      const char* variable = each.first;
      const char* value = each.second;
      CAPTURE(variable);
      CAPTURE(value);
      CHECK(with_variable(socket.fd(), variable, value, [variable] {
              ::closefrom(4);
              const std::string problem = problem_of_receiving();
              if (!has(problem, "sockets that the service manager passes: ")) return 1;
              if (!has(problem, variable)) return 2;
              return std::getenv(variable) == nullptr ? 42 : 3;
            }) == 42);
    }
  }

  TEST_CASE("a descriptor that is counted and not there is an error that names it") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    CHECK(with_variable(socket.fd(), "LISTEN_FDS", "2", [] {
            ::closefrom(4);
            return has(problem_of_receiving(), "LISTEN_FDS counts descriptor 4: Bad file") ? 42 : 1;
          }) == 42);
  }
}
