// Tests of a socket's file under hostile replacement.

#include "runtime/support/socket_file.hpp"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>

#include "fakes/temporary_folder.hpp"
#include "runtime/support/unique_fd.hpp"

using namespace appd::support;
using appd::test::TemporaryFolder;

namespace {

const Account kWorker{54321, 54322, {54322}, "", ""};

/// What somebody does right after a file was made.
std::function<void()> after_bind;

struct stat status_of(const std::string& path) {
  struct stat status {};
  CHECK(::lstat(path.c_str(), &status) == 0);
  return status;
}

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/// Why nothing was removed from there; "" if the path is free now.
std::string refusal(const std::string& path, const Account* account = nullptr) {
  try {
    remove_stale_socket(path, SOCK_STREAM, account);
    return "";
  } catch (const std::system_error& error) {
    return error.what();
  }
}

}  // namespace

// Replaces the C library's, for all of this program.
extern "C" int bind(int fd, const sockaddr* address, socklen_t size) {
  using Bind = int (*)(int, const sockaddr*, socklen_t);
  static const auto real = reinterpret_cast<Bind>(::dlsym(RTLD_NEXT, "bind"));
  const int result = real(fd, address, size);
  if (const auto act = std::exchange(after_bind, nullptr)) act();
  return result;
}

TEST_SUITE("socket file") {
  TEST_CASE("the file has its mode from the first moment, whatever the umask is") {
    TemporaryFolder folder;
    const std::string path = folder / "socket";
    const mode_t before = ::umask(0777);
    mode_t at_first = 0;
    after_bind = [&] { at_first = status_of(path).st_mode & 07777; };
    const UniqueFd socket = make_socket();
    const SocketFile file = SocketFile::bind(socket.get(), path, {0640}, nullptr);
    CHECK(::umask(before) == 0777);
    CHECK(at_first == 0640);
    CHECK((status_of(path).st_mode & 07777) == 0640);
  }

  TEST_CASE("who replaces it in that moment gains nothing") {
    TemporaryFolder folder;
    const std::string path = folder / "socket", secret = folder / "secret";
    const UniqueFd file(::open(secret.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    after_bind = [&] {
      std::filesystem::remove(path);
      std::filesystem::create_symlink(secret, path);
    };
    const UniqueFd socket = make_socket();
    CHECK_THROWS_AS(SocketFile::bind(socket.get(), path, {0666, ::geteuid()}, nullptr),
                    std::system_error);
    CHECK((status_of(secret).st_mode & 07777) == 0600);
    CHECK(std::filesystem::exists(secret));
  }

  TEST_CASE("in the workers' folder it is made by them, and then given away") {
    if (::geteuid() != 0) return;
    TemporaryFolder folder;
    CHECK(::chown(folder.path().c_str(), kWorker.user, 0) == 0);
    const std::string path = folder / "socket";
    uid_t at_first = 0;
    after_bind = [&] { at_first = status_of(path).st_uid; };
    {
      const UniqueFd socket = make_socket();
      const SocketFile file =
          SocketFile::bind(socket.get(), path, {0660, std::nullopt, 54999}, &kWorker);
      CHECK(at_first == kWorker.user);
      CHECK(status_of(path).st_uid == kWorker.user);
      CHECK(status_of(path).st_gid == 54999);
      CHECK((status_of(path).st_mode & 07777) == 0660);
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("a socket of somebody else's that takes its place is not given away") {
    if (::geteuid() != 0) return;
    TemporaryFolder folder;
    CHECK(::chown(folder.path().c_str(), kWorker.user, 0) == 0);
    const std::string path = folder / "socket";
    const UniqueFd other = make_socket(), socket = make_socket();
    const SocketFile others = SocketFile::bind(other.get(), folder / "other", {0600, 0}, &kWorker);
    after_bind = [&] { std::filesystem::rename(folder / "other", path); };
    CHECK_THROWS_AS(SocketFile::bind(socket.get(), path, {0666, kWorker.user}, &kWorker),
                    std::system_error);
  }

  TEST_CASE("a file that is another's by then stays") {
    TemporaryFolder folder;
    const std::string path = folder / "socket";
    const UniqueFd first = make_socket(), second = make_socket();
    {
      const SocketFile file = SocketFile::bind(first.get(), path, {0600}, nullptr);
      std::filesystem::rename(path, folder / "kept");
      const UniqueFd other(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    CHECK(std::filesystem::exists(path));
  }

  TEST_CASE("a path is free, stale, in use or no socket's") {
    TemporaryFolder folder;
    const std::string path = folder / "socket";
    CHECK(look_at(path, SOCK_STREAM) == SocketPath::free);
    CHECK(look_at(folder / "none/socket", SOCK_STREAM) == SocketPath::free);
    const UniqueFd socket = make_socket();
    const SocketFile file = SocketFile::bind(socket.get(), path, {0600}, nullptr);
    CHECK(look_at(path, SOCK_STREAM) == SocketPath::stale);
    REQUIRE(::listen(socket.get(), 1) == 0);
    CHECK(look_at(path, SOCK_STREAM) == SocketPath::in_use);
    const UniqueFd other(::open((folder / "file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(look_at(folder / "file", SOCK_STREAM) == SocketPath::foreign);
    std::filesystem::create_symlink(path, folder / "link");
    CHECK(look_at(folder / "link", SOCK_STREAM) == SocketPath::foreign);
  }

  TEST_CASE("only a stale socket is removed") {
    TemporaryFolder folder;
    const std::string path = folder / "socket", file = folder / "file";
    remove_stale_socket(path, SOCK_STREAM, nullptr);
    const UniqueFd socket = make_socket();
    const SocketFile bound = SocketFile::bind(socket.get(), path, {0600}, nullptr);
    REQUIRE(::listen(socket.get(), 1) == 0);
    CHECK(refusal(path) == "another process listens on " + path + ": Address already in use");
    CHECK(std::filesystem::exists(path));
    const UniqueFd other(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(refusal(file) == file + " exists and is not a socket: Address already in use");
    CHECK(std::filesystem::exists(file));
    ::shutdown(socket.get(), SHUT_RD);
    CHECK(refusal(path) == "");
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("a stale socket that cannot be removed is an error") {
    if (::geteuid() != 0) return;
    TemporaryFolder folder;
    const std::string path = folder / "socket";
    const UniqueFd socket = make_socket();
    const SocketFile file = SocketFile::bind(socket.get(), path, {0600}, nullptr);
    CHECK(::chown(folder.path().c_str(), kWorker.user, 0) == 0);
    CHECK(::chmod(folder.path().c_str(), 0500) == 0);  // the worker may not remove it
    CHECK(refusal(path, &kWorker) ==
          "cannot remove the stale socket " + path + ": Permission denied");
  }

  TEST_CASE("a socket of another type is in use while a process has it") {
    TemporaryFolder folder;
    const std::string path = folder / "socket";
    UniqueFd datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketFile file = SocketFile::bind(datagrams.get(), path, {0600}, nullptr);
    CHECK(look_at(path, SOCK_STREAM) == SocketPath::in_use);
    CHECK(look_at(path, SOCK_SEQPACKET) == SocketPath::in_use);
    datagrams.reset();
    CHECK(look_at(path, SOCK_STREAM) == SocketPath::stale);
  }
}
