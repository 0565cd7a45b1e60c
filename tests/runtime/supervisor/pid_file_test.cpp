// Tests of locked, stale and foreign pid files.

#include "runtime/supervisor/pid_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "fakes/temporary_folder.hpp"

using appd::supervisor::PidFile;
using appd::support::UniqueFd;
using appd::test::TemporaryFolder;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string problem_with(const std::string& path) {
  try {
    const PidFile file(path);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A process that has taken the file and forked a child, which lives on when it is killed.
class Holder {
 public:
  explicit Holder(const std::string& path) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    told_.reset(ends[0]);
    UniqueFd tell(ends[1]);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) hold(path, tell.get());
    tell.reset();
    REQUIRE(::read(told_.get(), &child_, sizeof child_) == sizeof child_);
  }
  ~Holder() {
    kill();
    ::kill(child_, SIGKILL);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  pid_t pid() const { return pid_; }
  bool child_lives() const { return ::kill(child_, 0) == 0; }
  void kill() {
    if (killed_) return;
    killed_ = true;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  [[noreturn]] static void hold(const std::string& path, int tell) {
    ::alarm(60);
    try {
      const PidFile file(path);
      const pid_t child = ::fork();
      if (child > 0 && ::write(tell, &child, sizeof child) != sizeof child) ::_exit(1);
      ::alarm(60);
      for (;;) ::pause();
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }

  UniqueFd told_;
  pid_t pid_ = -1;
  pid_t child_ = -1;
  bool killed_ = false;
};

/// Counts, for several processes, who has the file at the same time.
class Referee {
 public:
  Referee()
      : holders_(static_cast<std::atomic<int>*>(::mmap(nullptr, sizeof(std::atomic<int>),
                                                       PROT_READ | PROT_WRITE,
                                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(holders_ != MAP_FAILED);
    new (holders_) std::atomic<int>(0);
  }
  ~Referee() { ::munmap(holders_, sizeof *holders_); }
  Referee(const Referee&) = delete;
  Referee& operator=(const Referee&) = delete;

  /// Takes the file again and again, and ends with 1 when another has it, too.
  [[noreturn]] void play(const std::string& path) {
    ::alarm(60);
    for (int had = 0; had < 100;) {
      try {
        const PidFile file(path);
        const bool alone = holders_->fetch_add(1) == 0;
        std::this_thread::yield();
        holders_->fetch_sub(1);
        if (!alone) ::_exit(1);
        ++had;
      } catch (const std::runtime_error&) {
      }
    }
    ::_exit(0);
  }

 private:
  std::atomic<int>* const holders_;
};

}  // namespace

TEST_SUITE("pid file") {
  TEST_CASE("it holds the process id, and goes with its owner") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    {
      const PidFile file(path);
      CHECK(content_of(path) == fmt::format("{}\n", ::getpid()));
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("a second one is refused, by the name of who has it, and changes nothing") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    const Holder holder(path);
    CHECK(problem_with(path) ==
          fmt::format("{}: process {} holds it and is running", path, holder.pid()));
    CHECK(content_of(path) == fmt::format("{}\n", holder.pid()));
  }

  TEST_CASE("what a killed master left is taken over although its worker lives") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    Holder holder(path);
    holder.kill();
    REQUIRE(holder.child_lives());
    REQUIRE(std::filesystem::exists(path));
    const PidFile file(path);
    CHECK(content_of(path) == fmt::format("{}\n", ::getpid()));
  }

  // Between one's opening and locking another may remove the file, and a third make a new one.
  TEST_CASE("of processes that take it in turns, never two have it") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    Referee referee;
    std::array<pid_t, 3> players{};
    for (pid_t& player : players) {
      player = ::fork();
      REQUIRE(player >= 0);
      if (player == 0) referee.play(path);
    }
    for (const pid_t player : players) {
      int status = -1;
      REQUIRE(::waitpid(player, &status, 0) == player);
      CHECK(status == 0);
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("a longer stale content is replaced as a whole") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    std::ofstream(path) << "123456789012345 \n";
    const PidFile file(path);
    CHECK(content_of(path) == fmt::format("{}\n", ::getpid()));
  }

  TEST_CASE("a file with anything else in it is left as it is") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    for (const std::string& text : {std::string("root:x:0:0\n"), std::string(100, '1')}) {
      std::ofstream(path) << text;
      CHECK(has(problem_with(path), "something other than a process id"));
      CHECK(content_of(path) == text);
    }
  }

  TEST_CASE("pipes, links and missing folders are refused and named") {
    const TemporaryFolder folder;
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK(has(problem_with(folder / "pipe"), "is not a regular file"));
    std::filesystem::create_symlink(folder / "target", folder / "link");
    CHECK(has(problem_with(folder / "link"), "open " + (folder / "link")));
    CHECK_FALSE(std::filesystem::exists(folder / "target"));
    CHECK(has(problem_with(folder / "no/pid"), "No such file or directory"));
  }

  TEST_CASE("a file that was replaced meanwhile is left") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    {
      const PidFile file(path);
      std::filesystem::remove(path);
      std::ofstream(path) << "1\n";
    }
    CHECK(content_of(path) == "1\n");
  }

  TEST_CASE("a forked child does not remove it, and a program that it executes does not get it") {
    const TemporaryFolder folder;
    const std::string path = folder / "pid";
    auto file = std::make_unique<PidFile>(path);
    CHECK((::fcntl(file->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    const pid_t child = ::fork();
    if (child == 0) {
      file.reset();
      ::_exit(0);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(std::filesystem::exists(path));
  }
}
