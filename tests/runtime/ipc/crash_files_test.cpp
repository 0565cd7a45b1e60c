// Tests of what dying processes leave.

#include "runtime/ipc/crash_files.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fakes/in_process.hpp"

using namespace appd;
using ipc::CrashFiles;
using test::in_process;

namespace {

bool say(const CrashFiles& files, std::string_view text) {
  return ::write(files.descriptor(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

TEST_SUITE("crash files") {
  TEST_CASE("what a process has written at its place outlives it") {
    CrashFiles files(2);
    CHECK(in_process([&] {
            files.enter(1);
            files.close_others_after_fork();
            return say(files, "first, ") && say(files, "second") ? 0 : 1;
          }) == 0);
    CHECK(files.read(1) == "first, second");
    CHECK(files.read(0) == "");
    CHECK(files.read(1) == "first, second");
  }

  TEST_CASE("the next process at a place begins with an empty file") {
    CrashFiles files(1);
    for (const char* const text : {"a longer text", "short"}) {
      CHECK(in_process([&] {
              files.enter(0);
              return say(files, text) ? 0 : 1;
            }) == 0);
      CHECK(files.read(0) == text);
    }
    CHECK(in_process([&] {
            files.enter(0);
            return 0;
          }) == 0);
    CHECK(files.read(0) == "");
  }

  TEST_CASE(
      "a process that enters after a fork keeps the number and leaves the other place alone") {
    CrashFiles files(2);
    CHECK(in_process([&] {
            files.enter(0);
            const int before = files.descriptor();
            const int inner = in_process([&] {
              files.enter(1);
              return files.descriptor() == before && say(files, "the child's") ? 0 : 1;
            });
            return inner == 0 && say(files, "the parent's") ? 0 : 1;
          }) == 0);
    CHECK(files.read(0) == "the parent's");
    CHECK(files.read(1) == "the child's");
  }

  TEST_CASE("what a process forks by itself writes to stderr") {
    CrashFiles files(1);
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    CHECK(in_process([&] {
            files.enter(0);
            files.close_others_after_fork();
            ::dup2(ends[1], STDERR_FILENO);
            return in_process([&] { return say(files, "in passing") ? 0 : 1; });
          }) == 0);
    ::close(ends[1]);
    std::array<char, 64> bytes{};
    const ssize_t got = ::read(ends[0], bytes.data(), bytes.size());
    ::close(ends[0]);
    CHECK(std::string(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0) == "in passing");
    CHECK(files.read(0) == "");
  }

  TEST_CASE("programs inherit none of the files") {
    CrashFiles files(3);
    CHECK(in_process([&] {
            files.enter(2);
            return std::system("! ls -l /proc/self/fd | grep -q appd-crash") == 0 ? 0 : 1;
          }) == 0);
    CHECK(::fcntl(files.descriptor(), F_GETFD) == FD_CLOEXEC);
  }

  TEST_CASE("no more is read than can be logged") {
    CrashFiles files(1);
    CHECK(in_process([&] {
            files.enter(0);
            return ::ftruncate(files.descriptor(), 1L << 40) == 0 ? 0 : 1;
          }) == 0);
    CHECK(files.read(0).size() == CrashFiles::kMostRead);
  }
}
