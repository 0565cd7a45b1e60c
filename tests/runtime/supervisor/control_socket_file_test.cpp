// Tests of the control socket's file and descriptors: who has them, and who removes them.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "control_caller.hpp"
#include "fakes/file_text.hpp"
#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/supervisor/control_socket.hpp"

using namespace appd;
using namespace appd::supervisor;
using appd::test::in_process;
using appd::test::read;
using appd::test::TemporaryFolder;
using support::UniqueFd;

namespace {

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

std::string refusal(const std::string& path) {
  try {
    ControlSocket control(path);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_SUITE("control socket") {
  TEST_CASE("whoever hears the end finds the file gone") {
    constexpr int kTimes = 2000;  // a race, which a wrong order loses in some of them
    const TemporaryFolder folder;
    int found = 0;
    for (int i = 0; i < kTimes; ++i) {
      std::optional<ControlSocket> control(std::in_place, folder / "control");
      CallerEnd caller(folder / "control");
      caller.ask("stop");
      only_request(*control);
      std::thread waiting([&] {
        caller.wait_end();
        if (std::filesystem::exists(folder / "control")) ++found;
      });
      control.reset();
      waiting.join();
    }
    CHECK(found == 0);
  }

  TEST_CASE("the file is its owner's alone, whatever the umask, and goes with the socket") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    const mode_t before = ::umask(0);
    {
      const ControlSocket control(path);
      struct stat file {};
      REQUIRE(::stat(path.c_str(), &file) == 0);
      CHECK((file.st_mode & 0777) == 0600);
      CHECK(::umask(0) == 0);  // as it was
    }
    ::umask(before);
    CHECK_FALSE(exists(path));
  }

  TEST_CASE("what a killed master left is replaced; one that lives, and other files, are not") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    CHECK(in_process([&] {
            new ControlSocket(path);  // its owner ends without its end
            return 0;
          }) == 0);
    REQUIRE(exists(path));
    {
      ControlSocket control(path);
      CHECK(CallerEnd(path).connected);
      CHECK(refusal(path) == "another process listens on " + path + ": Address already in use");
      CHECK(CallerEnd(path).connected);
    }
    std::ofstream(path) << "text";
    CHECK(refusal(path) == path + " exists and is not a socket: Address already in use");
    CHECK(read(path) == "text");
    CHECK(refusal(folder / "none/control").find("No such file") != std::string::npos);
    CHECK(refusal(folder / std::string(200, 'x')).find("too long") != std::string::npos);
  }

  TEST_CASE("the file is removed only while it is this socket's, and by the process that made it") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    auto control = std::make_unique<ControlSocket>(path);
    CHECK(in_process([&] {
            control.reset();
            return 0;
          }) == 0);
    CHECK(exists(path));
    REQUIRE(::unlink(path.c_str()) == 0);
    std::ofstream(path) << "another's";
    control.reset();
    CHECK(read(path) == "another's");
  }

  TEST_CASE("a program that a child executes gets nothing of it") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    for (const int fd : {control.fd(), control.listener(), control.fd_of(request.caller)}) {
      CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
  }

  TEST_CASE("after an execve the socket goes on, with those that wait") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    auto former = std::make_unique<ControlSocket>(path);
    const CallerEnd waiting(path);
    waiting.ask("upgrade");
    const auto request = only_request(*former);
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    UniqueFd listener(::fcntl(former->listener(), F_DUPFD_CLOEXEC, 0));
    UniqueFd caller(::fcntl(former->fd_of(request.caller), F_DUPFD_CLOEXEC, 0));
    // As the execve does.
    for (const int fd : {former->listener(), former->fd_of(request.caller)}) {
      ::dup3(nothing.get(), fd, O_CLOEXEC);
    }
    {
      ControlSocket control(path, std::move(listener));
      const ControlSocket::Caller number = control.adopt(std::move(caller));
      const CallerEnd other(path);
      other.ask("status");
      const auto another = only_request(control);
      CHECK(another.caller != number);
      control.succeed(number, "upgraded");
      CHECK(waiting.hear()->text == "upgraded");
      CHECK(waiting.hears_end());
    }
    CHECK_FALSE(exists(path));
  }
}
