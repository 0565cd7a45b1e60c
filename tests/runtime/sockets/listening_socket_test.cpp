// Tests of bound sockets, their files and their errors.

#include "runtime/sockets/listening_socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "fakes/front_socket.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::sockets;
using test::FrontSocket;

namespace {

struct stat status_of(const std::string& path) {
  struct stat status {};
  CHECK(::lstat(path.c_str(), &status) == 0);
  return status;
}

std::string problem_with(const Address& address, const SocketFileOptions& options = {}) {
  try {
    ListeningSocket::open(address, options);
  } catch (const std::system_error& error) {
    return error.what();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::uint16_t port_of(const ListeningSocket& socket) {
  return static_cast<std::uint16_t>(std::stoul(socket.name().substr(socket.name().rfind(':') + 1)));
}

}  // namespace

TEST_SUITE("listening socket") {
  TEST_CASE("a Unix socket takes connections, has mode 0660 and goes with its owner") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    const mode_t mask = ::umask(0777);
    {
      const auto socket = ListeningSocket::open(UnixPath{path}, {});
      CHECK(::umask(mask) == 0777);  // left as it was
      CHECK((status_of(path).st_mode & 07777) == 0660);
      CHECK(socket.name() == path);
      CHECK_FALSE(socket.is_tcp());
      CHECK(socket.is_private());
      CHECK_FALSE(FrontSocket::to_unix(path).ended());
      CHECK((::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK) != 0);
      CHECK((::fcntl(socket.fd(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("mode and owners can be chosen") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    const std::string me = std::to_string(::getuid());
    const group* mine = ::getgrgid(::getgid());
    const std::string group_name = mine != nullptr ? mine->gr_name : std::to_string(::getgid());
    const auto socket = ListeningSocket::open(UnixPath{path}, {0600, me, group_name});
    CHECK((status_of(path).st_mode & 07777) == 0600);
    CHECK(status_of(path).st_gid == ::getgid());
  }

  TEST_CASE("an owner who does not exist is an error, and no file is left") {
    test::TemporaryFolder folder;
    const UnixPath path{folder / "socket"};
    CHECK(has(problem_with(path, {0660, "no-such-user", ""}), "no user no-such-user"));
    CHECK(has(problem_with(path, {0660, "", "no-such-group"}), "no group no-such-group"));
    CHECK_FALSE(std::filesystem::exists(path.path));
  }

  TEST_CASE("a stale file is replaced") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    {
      auto first = ListeningSocket::open(UnixPath{path}, {});
      const std::string kept = folder / "kept";
      std::filesystem::create_hard_link(path, kept);
      first.remove_file();
      std::filesystem::rename(kept, path);
    }
    REQUIRE(std::filesystem::exists(path));
    REQUIRE(FrontSocket::to_unix(path).ended());
    const auto socket = ListeningSocket::open(UnixPath{path}, {});
    CHECK_FALSE(FrontSocket::to_unix(path).ended());
  }

  TEST_CASE("a live one is refused and goes on") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    const auto first = ListeningSocket::open(UnixPath{path}, {});
    CHECK(has(problem_with(UnixPath{path}), "another process listens on " + path));
    CHECK_FALSE(FrontSocket::to_unix(path).ended());
  }

  TEST_CASE("one whose backlog is full is live too") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    const auto first = ListeningSocket::open(UnixPath{path}, {});
    REQUIRE(::listen(first.fd(), 0) == 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    std::vector<support::UniqueFd> waiting;
    int error = 0;
    while (error == 0 && waiting.size() < 10) {
      waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      error = ::connect(waiting.back().get(), reinterpret_cast<sockaddr*>(&address),
                        sizeof address) == 0
                  ? 0
                  : errno;
    }
    REQUIRE(error == EAGAIN);
    CHECK(has(problem_with(UnixPath{path}), "another process listens on " + path));
    CHECK(std::filesystem::exists(path));
  }

  TEST_CASE("a file that is no socket is never removed") {
    test::TemporaryFolder folder;
    const std::string path = folder / "file";
    std::ofstream(path) << "precious";
    CHECK(has(problem_with(UnixPath{path}), "is not a socket"));
    CHECK(std::filesystem::file_size(path) == 8);
    CHECK(has(problem_with(UnixPath{folder / "no/such/folder"}), "cannot bind"));
  }

  TEST_CASE("the file is removed only while it is this socket's") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    auto first = ListeningSocket::open(UnixPath{path}, {});
    std::filesystem::rename(path, folder / "moved");
    const auto second = ListeningSocket::open(UnixPath{path}, {});
    first.remove_file();
    CHECK_FALSE(FrontSocket::to_unix(path).ended());
  }

  TEST_CASE("the file is removed only by the process that made it") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    auto socket = ListeningSocket::open(UnixPath{path}, {});
    const pid_t child = ::fork();
    if (child == 0) {
      socket.remove_file();
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(std::filesystem::exists(path));
    socket.remove_file();
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("a socket that was moved removes its file once, at its new place") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    {
      auto first = ListeningSocket::open(UnixPath{path}, {});
      const ListeningSocket second(std::move(first));
      first.remove_file();
      CHECK(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("the descriptor can be given away, the file stays with the object") {
    test::TemporaryFolder folder;
    const std::string path = folder / "socket";
    auto socket = ListeningSocket::open(UnixPath{path}, {});
    {
      const support::UniqueFd taken = socket.take_fd();
      CHECK_FALSE(FrontSocket::to_unix(path).ended());
    }
    CHECK(FrontSocket::to_unix(path).ended());
    CHECK(std::filesystem::exists(path));
  }

  TEST_CASE("an abstract socket needs no file and can be had once") {
    const std::string name = "appd-test-" + std::to_string(::getpid());
    const auto socket = ListeningSocket::open(AbstractName{name}, {});
    CHECK(socket.name() == "@" + name);
    CHECK(has(problem_with(AbstractName{name}), "cannot bind @" + name));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const support::UniqueFd front(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(::connect(front.get(), reinterpret_cast<sockaddr*>(&address),
                    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())) ==
          0);
  }

  TEST_CASE("port 0 becomes the port that the kernel chose") {
    const auto socket = ListeningSocket::open(TcpEndpoint{"127.0.0.1", "0"}, {});
    CHECK(socket.is_tcp());
    CHECK(socket.is_private());
    CHECK(port_of(socket) != 0);
    CHECK_FALSE(FrontSocket::to_port(port_of(socket)).ended());
    const std::string port = std::to_string(port_of(socket));
    CHECK(has(problem_with(TcpEndpoint{"127.0.0.1", port}), "cannot bind 127.0.0.1:" + port));
  }

  TEST_CASE("all interfaces are not private, and of both address families") {
    for (const char* host : {"", "*"}) {
      const auto socket = ListeningSocket::open(TcpEndpoint{host, "0"}, {});
      CHECK_FALSE(socket.is_private());
      CHECK_FALSE(FrontSocket::to_port(port_of(socket)).ended());
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_addr = in6addr_loopback;
      v6.sin6_port = htons(static_cast<std::uint16_t>(port_of(socket)));
      const support::UniqueFd front(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const bool has_v6 = static_cast<bool>(front);
      if (has_v6) CHECK(::connect(front.get(), reinterpret_cast<sockaddr*>(&v6), sizeof v6) == 0);
    }
  }

  TEST_CASE("a host that cannot be resolved is named") {
    CHECK(has(problem_with(TcpEndpoint{"256.1.1.1", "80"}), "256.1.1.1"));
  }

  TEST_CASE("the backlog is as long as the kernel allows") {
    test::TemporaryFolder folder;
    const auto socket = ListeningSocket::open(UnixPath{folder / "socket"}, {});
    std::size_t allowed = 0;
    std::ifstream("/proc/sys/net/core/somaxconn") >> allowed;
    const std::size_t wanted = std::min<std::size_t>(allowed, 300);
    std::vector<FrontSocket> fronts;
    for (std::size_t i = 0; i < wanted; ++i) {
      fronts.push_back(FrontSocket::to_unix(socket.name()));
      REQUIRE_FALSE(fronts.back().ended());
    }
  }
}
