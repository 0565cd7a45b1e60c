// Tests of trying a new program and executing it.

#include "runtime/supervisor/upgrader.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "fakes/file_text.hpp"
#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using appd::test::in_process;
using appd::test::read;
using appd::test::TemporaryFolder;
using support::UniqueFd;

namespace {

/// A command line as main gets it.
class CommandLine {
 public:
  CommandLine(std::initializer_list<std::string> words) : words_(words) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    count = static_cast<int>(words_.size());
  }
  char** pointers() { return pointers_.data(); }
  std::vector<std::string> left() const { return {pointers_.data(), pointers_.data() + count}; }
  bool ends() const { return pointers_[static_cast<std::size_t>(count)] == nullptr; }

  int count = 0;

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

void install(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), 0755) == 0);
}

std::string refusal(const std::string& program, std::chrono::milliseconds time = 30s) {
  CommandLine line{program, "--socket", "x"};
  return Upgrader(line.count, line.pointers(), time).become({});
}

bool contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("\"", part, "\" is not in: ", text);
  return false;
}

}  // namespace

TEST_SUITE("upgrader") {
  TEST_CASE("a program that does not pass its trial is refused, and says why") {
    const TemporaryFolder folder;
    const std::string program = folder / "appd";
    install(program, "#!/bin/sh\necho too old >&2\necho indeed\nexit 3\n");
    CHECK(contains(refusal(program), program + " does not start: it exited with code 3: too old"));
    CHECK(contains(refusal(program), "indeed"));
    install(program, "#!/bin/sh\nkill -SEGV $$\n");
    CHECK(contains(refusal(program), "was killed by SIGSEGV"));
    install(program, "no program at all");
    CHECK(contains(refusal(program), "Exec format error"));
    REQUIRE(::unlink(program.c_str()) == 0);
    CHECK(contains(refusal(program), "No such file"));
  }

  TEST_CASE("a trial that does not end is ended") {
    const TemporaryFolder folder;
    const std::string program = folder / "appd";
    install(program, "#!/bin/sh\necho well\nexec sleep 100\n");
    const auto before = std::chrono::steady_clock::now();
    CHECK(contains(refusal(program, 300ms), "was killed by SIGKILL: well"));
    CHECK(std::chrono::steady_clock::now() - before >= 300ms);
    CHECK(std::chrono::steady_clock::now() - before < 20s);
  }

  TEST_CASE("after a refusal all is as before") {
    const TemporaryFolder folder;
    const std::string program = folder / "appd";
    install(program, "#!/bin/sh\nexit 1\n");
    const UniqueFd control(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    UpgradeState upgrade_state;
    upgrade_state.control = control.get();
    CommandLine line{program};
    CHECK_FALSE(Upgrader(line.count, line.pointers()).become(upgrade_state).empty());
    CHECK((::fcntl(control.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(std::getenv("APPD_UPGRADE_STATE") == nullptr);
  }

  TEST_CASE("the process becomes the program, after a trial that has seen the same") {
    const TemporaryFolder folder;
    const std::string program = folder / "appd";
    install(program,
            "#!/bin/sh\n"
            "exec >>\"${0%/*}/said\"\n"
            "echo \"$*\"\n"
            "cat /proc/self/fd/$APPD_UPGRADE_STATE\n"
            "[ \"$1\" = --upgrade-trial ] && exit 0\n"
            "echo $$ >\"${0%/*}/pid\"\n"
            "exit 7\n");
    UpgradeState upgrade_state;
    upgrade_state.generation = 12345;
    CHECK(in_process([&] {
            std::ofstream(folder / "before") << ::getpid() << "\n";
            CommandLine line{program, "--socket", "a b"};
            Upgrader(line.count, line.pointers()).become(upgrade_state);
            return 1;
          }) == 7);
    CHECK(read(folder / "pid") == read(folder / "before"));
    const std::string left = read(folder / "said");
    CHECK(left.find("--upgrade-trial --socket a b\nappd-upgrade-4") == 0);
    CHECK(left.find("\n--socket a b\nappd-upgrade-4") != std::string::npos);
    const std::size_t first = left.find("12345");
    REQUIRE(first != std::string::npos);
    CHECK(left.find("12345", first + 1) != std::string::npos);
  }

  TEST_CASE("a program without a path is found as a shell finds it, and again by its place") {
    const TemporaryFolder folder;
    install(folder / "appd", "#!/bin/sh\nexit 7\n");
    const std::string said = "/appd does not start: it exited with code 7";
    CHECK(in_process([&] {
            ::setenv("PATH", ("/no such folder:" + folder.path() + ":/usr/bin").c_str(), 1);
            CommandLine line{"appd"};
            const Upgrader upgrader(line.count, line.pointers());
            ::setenv("PATH", "/usr/bin", 1);
            return upgrader.become({}).find(folder.path() + said) == 0 ? 0 : 1;
          }) == 0);
    CHECK(in_process([&] {
            if (::chdir(folder.path().c_str()) != 0) return 2;
            CommandLine line{"./appd"};
            const Upgrader upgrader(line.count, line.pointers());
            if (::chdir("/") != 0) return 3;
            return upgrader.become({}).find("exited with code 7") != std::string::npos ? 0 : 1;
          }) == 0);
  }

  TEST_CASE("what was put into command line and environment is taken out of them") {
    using Words = std::vector<std::string>;
    CommandLine trial{"appd", "--upgrade-trial", "--socket", "x"};
    const int fd = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
    ::setenv("APPD_UPGRADE_STATE", std::to_string(fd).c_str(), 1);
    const Inherited first = take_inherited(trial.count, trial.pointers());
    CHECK(first.trial);
    CHECK(first.file.get() == fd);
    CHECK(std::getenv("APPD_UPGRADE_STATE") == nullptr);
    CHECK(trial.left() == Words{"appd", "--socket", "x"});
    CHECK(trial.ends());
    CommandLine later{"appd", "--socket", "--upgrade-trial"};
    CommandLine bare{"appd"};
    for (CommandLine* const line : {&later, &bare}) {
      CommandLine& plain = *line;
      const Words before = plain.left();
      const Inherited none = take_inherited(plain.count, plain.pointers());
      CHECK_FALSE(none.trial);
      CHECK_FALSE(none.file);
      CHECK(plain.left() == before);
    }
  }
}
