// Tests of what a program that asks a master prints and returns.

#include "runtime/supervisor/control_protocol.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "control_caller.hpp"
#include "fakes/eventually.hpp"
#include "fakes/file_text.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/config/verbs.hpp"
#include "runtime/supervisor/control_socket.hpp"
#include "runtime/support/exit_code.hpp"

using namespace appd;
using namespace appd::supervisor;
using appd::test::eventually;
using appd::test::read;
using appd::test::TemporaryFolder;

namespace {

/// `appd <verb>` in a process of its own, while `master` has the other end.
struct Asked {
  int code = -1;
  std::string out;
  std::string err;
};
template <typename Master>
Asked ask(ControlVerb verb, Master master) {
  const TemporaryFolder folder;
  const std::string path = folder / "control";
  auto control = std::make_unique<ControlSocket>(path);
  std::fflush(nullptr);  // or both would write what stdio holds
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::alarm(60);
    ::dup2(::open((folder / "out").c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
    ::dup2(::open((folder / "err").c_str(), O_CREAT | O_WRONLY, 0600), STDERR_FILENO);
    const int code = ask_master(path, verb);
    std::fflush(nullptr);
    ::_exit(code);
  }
  std::vector<ControlSocket::Request> requests;
  const bool asked = eventually([&] {
    requests = receive(*control);
    return !requests.empty();
  });
  if (asked) {
    CHECK(requests.front().verb == verb);
    master(*control, requests.front().caller);
  }
  control.reset();
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(asked);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(folder / "out"), read(folder / "err")};
}

}  // namespace

TEST_SUITE("control protocol") {
  TEST_CASE("verbs have names") {
    CHECK(config::verbs().size() == 4);
    for (const auto& [verb, word] :
         {std::pair(ControlVerb::reload, "reload"), std::pair(ControlVerb::upgrade, "upgrade"),
          std::pair(ControlVerb::stop, "stop"), std::pair(ControlVerb::status, "status")}) {
      CHECK(name(verb) == word);
      CHECK(parse_verb(word) == verb);
    }
    CHECK_FALSE(parse_verb(""));
    CHECK_FALSE(parse_verb("reloads"));
  }

  TEST_CASE("who asks gets all that is said, and the outcome as exit code") {
    const Asked good = ask(ControlVerb::reload, [](ControlSocket& control, auto caller) {
      control.say(caller, "one moment");
      control.succeed(caller, "reloaded");
    });
    CHECK(good.code == support::exit_code::kOk);
    CHECK(good.out == "one moment\nreloaded\n");
    CHECK(good.err.empty());
    const Asked bad = ask(ControlVerb::upgrade, [](ControlSocket& control, auto caller) {
      control.fail(caller, "not so");
    });
    CHECK(bad.code == support::exit_code::kStart);
    CHECK(bad.out.empty());
    CHECK(bad.err == "not so\n");
  }

  TEST_CASE("the master's end is the outcome of a stop, and of nothing else") {
    const auto end = [](ControlSocket&, auto) {};
    const Asked stopped = ask(ControlVerb::stop, end);
    CHECK(stopped.code == support::exit_code::kOk);
    CHECK(stopped.out == "stopped\n");
    const Asked reloaded = ask(ControlVerb::reload, end);
    CHECK(reloaded.code == support::exit_code::kFailure);
    CHECK(reloaded.err == "appd exited before it replied\n");
  }

  TEST_CASE("without a master there is nobody to ask") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(ask_master(folder / "none", ControlVerb::status), std::runtime_error);
  }
}
