// Tests of what is reported of a dead process.

#include "runtime/supervisor/post_mortem.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using ipc::CrashFiles;
using supervisor::OomKills;
using supervisor::PostMortem;

namespace {

/// Files of which the second has what a process left.
struct Left {
  Left() {
    test::in_process([this] {
      files.enter(1);
      constexpr std::string_view kText = "Fatal Python error: Aborted\n\nCurrent thread 0x1:\n";
      return ::write(files.descriptor(), kText.data(), kText.size()) > 0 ? 0 : 1;
    });
  }
  CrashFiles files{2};
};

constexpr int exited_with(int code) {
  return code << 8;
}

}  // namespace

TEST_SUITE("post-mortem") {
  TEST_CASE("stacks of the place are put on lines of their own") {
    const Left left;
    PostMortem post_mortem{OomKills("")};
    CHECK(post_mortem.examine(left.files, 1, SIGABRT) ==
          "\nFatal Python error: Aborted\nCurrent thread 0x1:");
    CHECK(post_mortem.examine(left.files, 1, SIGSEGV | 0x80).size() > 1);  // 0x80: with a core
    CHECK(post_mortem.examine(left.files, 0, SIGABRT) == "");
  }

  TEST_CASE("a process that exits, or is killed, has left no stacks, whatever is in the file") {
    const Left left;
    PostMortem post_mortem{OomKills("")};
    CHECK(post_mortem.examine(left.files, 1, exited_with(0)) == "");
    CHECK(post_mortem.examine(left.files, 1, exited_with(3)) == "");
    CHECK(post_mortem.examine(left.files, 1, SIGKILL) == "");
  }

  TEST_CASE("a kill may have been for lack of memory when the kernel has done that since") {
    const Left left;
    const test::TemporaryFolder folder;
    const std::string events = folder / "memory.events";
    std::ofstream(events) << "oom_kill 0\n";
    PostMortem post_mortem{OomKills(events)};
    CHECK(post_mortem.examine(left.files, 1, SIGKILL) == "");
    std::ofstream(events) << "oom_kill 1\n";
    CHECK(post_mortem.examine(left.files, 1, SIGKILL).find("for lack of memory") !=
          std::string::npos);
    CHECK(post_mortem.examine(left.files, 1, SIGKILL) == "");
  }

  TEST_CASE("a lack of memory that came before another death is not this one's") {
    const Left left;
    const test::TemporaryFolder folder;
    const std::string events = folder / "memory.events";
    std::ofstream(events) << "oom_kill 0\n";
    PostMortem post_mortem{OomKills(events)};
    int kills = 0;
    for (const int earlier : {SIGABRT, exited_with(0), exited_with(3)}) {
      CAPTURE(earlier);
      std::ofstream(events) << "oom_kill " << ++kills << "\n";
      CHECK(post_mortem.examine(left.files, 1, earlier).find("memory") == std::string::npos);
      CHECK(post_mortem.examine(left.files, 1, SIGKILL) == "");
    }
  }
}
