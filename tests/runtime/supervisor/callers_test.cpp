// Tests of callers that wait together for one outcome.

#include "runtime/supervisor/callers.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::supervisor;
using support::UniqueFd;
using test::TemporaryFolder;

namespace {

/// A control socket with callers that have asked.
struct Line {
  /// Gives the caller's own end, and the caller.
  std::pair<UniqueFd, ControlSocket::Caller> call() {
    auto [own, masters] = pair();
    return {std::move(own), control.adopt(std::move(masters))};
  }
  static std::pair<UniqueFd, UniqueFd> pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
            0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }

  TemporaryFolder folder;
  ControlSocket control{folder / "control"};
};

/// What a caller has been told: a message's text; "" for nothing; "end" once all is said.
std::string hear(const UniqueFd& caller) {
  std::array<char, 256> buffer;
  const ssize_t got = ::recv(caller.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return "";
  return got == 0 ? "end" : std::string(buffer.data() + 1, static_cast<std::size_t>(got) - 1);
}

}  // namespace

TEST_SUITE("callers") {
  TEST_CASE("all are told the same, once") {
    Line line;
    Callers callers(&line.control);
    auto [first, first_caller] = line.call();
    auto [second, second_caller] = line.call();
    callers.add(first_caller);
    callers.add(second_caller);
    CHECK(hear(first).empty());
    callers.succeed("reloaded");
    callers.fail("never heard");
    for (const UniqueFd* caller : {&first, &second}) {
      CHECK(hear(*caller) == "reloaded");
      CHECK(hear(*caller) == "end");
    }
  }

  TEST_CASE("those that are taken over wait at their new place alone") {
    Line line;
    Callers callers(&line.control);
    auto [own, caller] = line.call();
    callers.add(caller);
    Callers taken(std::move(callers));
    callers.fail("never heard");  // NOLINT(bugprone-use-after-move): it is empty then
    CHECK(hear(own).empty());
    taken.fail("refused");
    CHECK(hear(own) == "refused");
  }

  TEST_CASE("those that have gone away are forgotten, and have no descriptor") {
    Line line;
    Callers callers(&line.control);
    auto [gone, gone_caller] = line.call();
    auto [left, left_caller] = line.call();
    callers.add(gone_caller);
    callers.add(left_caller);
    CHECK(callers.descriptors().size() == 2);
    line.control.fail(gone_caller, "its line ends");
    CHECK(callers.descriptors() == std::vector<int>{line.control.fd_of(left_caller)});
    callers.succeed("reloaded");
    CHECK(hear(left) == "reloaded");
    CHECK(hear(gone) == "its line ends");
    CHECK(hear(gone) == "end");
  }

  TEST_CASE("one that another program has left is told as any other") {
    Line line;
    Callers callers(&line.control);
    auto [own, masters] = Line::pair();
    callers.adopt(std::move(masters));
    callers.succeed("upgraded");
    CHECK(hear(own) == "upgraded");
  }

  TEST_CASE("without a control socket there is nobody to tell") {
    Callers callers(nullptr);
    callers.succeed("unheard");
    callers.fail("unheard");
    CHECK(callers.descriptors().empty());
  }
}
