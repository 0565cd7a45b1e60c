// Tests of changed files, and of what workers report, with a real folder.

#include "runtime/supervisor/change_watcher.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "fakes/temporary_folder.hpp"

using namespace appd;
using appd::supervisor::ChangeWatcher;
using appd::supervisor::Counts;
using appd::test::TemporaryFolder;

namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const char* text = "text") {
  std::ofstream(path) << text;
}

void say(const ChangeWatcher& watcher, const std::string& line) {
  REQUIRE(::write(watcher.pipe(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

bool has_news(const ChangeWatcher& watcher, int milliseconds) {
  pollfd waited{watcher.fd(), POLLIN, 0};
  return ::poll(&waited, 1, milliseconds) == 1;
}

/// Looks whenever there is something, until nothing comes any more.
unsigned count(ChangeWatcher& watcher) {
  constexpr int kQuiet = 200;
  unsigned told = 0;
  for (int turn = 0; turn < 1000 && has_news(watcher, kQuiet); ++turn) {
    if (watcher.look()) ++told;
  }
  return told;
}

struct Watched {
  Watched() {
    fs::create_directory(folder / "package");
    fs::create_directory(folder / "package/templates");
    fs::create_directory(folder / "node_modules");
    fs::create_directory(folder / "env");
    write(folder / "env/pyvenv.cfg");
    write(folder / "app.py");
    watcher.watch_tree(folder.path(), Counts::code);
  }

  TemporaryFolder folder;
  ChangeWatcher watcher;
};

}  // namespace

TEST_SUITE("change watcher") {
  TEST_CASE("each way of saving is told once") {
    Watched at;
    const std::string file = at.folder / "app.py";
    CHECK(count(at.watcher) == 0);
    write(file, "in place");
    CHECK(count(at.watcher) == 1);
    CHECK(at.watcher.take_changed() == file);
    write(at.folder / "other");
    fs::rename(at.folder / "other", file);
    CHECK(count(at.watcher) == 1);
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0);
    CHECK(count(at.watcher) == 1);
    fs::remove(file);
    CHECK(count(at.watcher) == 1);
    fs::create_symlink("/dev/null", file);
    CHECK(count(at.watcher) == 1);
  }

  TEST_CASE("many changes at once are told once") {
    Watched at;
    for (int i = 0; i < 100; ++i) write(at.folder / ("m" + std::to_string(i) + ".py"));
    CHECK(count(at.watcher) == 1);
  }

  TEST_CASE("files below are watched, and folders that come") {
    Watched at;
    write(at.folder / "package/code.py");
    CHECK(count(at.watcher) == 1);
    write(at.folder / "package/templates/mail.txt");
    CHECK(count(at.watcher) == 1);
    fs::create_directory(at.folder / "new");
    fs::create_directory(at.folder / "new/deep");
    CHECK(count(at.watcher) == 0);
    write(at.folder / "new/deep/code.py");
    CHECK(count(at.watcher) == 1);
    fs::rename(at.folder / "package", at.folder / "renamed");
    CHECK(count(at.watcher) == 1);
    CHECK(at.watcher.take_changed().find("/renamed/") != std::string::npos);
  }

  TEST_CASE("data, caches and virtual environments do not count") {
    Watched at;
    write(at.folder / "db.sqlite3");
    write(at.folder / "node_modules/x.py");
    write(at.folder / "env/x.py");
    write(at.folder / ".hidden.py");
    CHECK(count(at.watcher) == 0);
  }

  TEST_CASE("all files of a named folder count") {
    const TemporaryFolder folder;
    ChangeWatcher watcher;
    watcher.watch_tree(folder.path(), Counts::all_files);
    write(folder / "data.json");
    CHECK(count(watcher) == 1);
    CHECK(watcher.take_failure() == "");
  }

  TEST_CASE("workers name folders and trees") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "below");
    ChangeWatcher watcher;
    say(watcher, "folder " + folder.path() + "\nfol");
    CHECK(count(watcher) == 0);
    write(folder / "module.py");
    CHECK(count(watcher) == 1);
    write(folder / "below/module.py");
    CHECK(count(watcher) == 0);
    say(watcher, "der /nowhere\nnonsense\n\ntree " + folder.path() + "\n");
    CHECK(count(watcher) == 0);
    write(folder / "below/mail.txt");
    CHECK(count(watcher) == 1);
  }

  TEST_CASE("a worker in a debugger holds changes back until it is free, or gone") {
    Watched at;
    const std::string self = std::to_string(::getpid());
    say(at.watcher, "busy " + self + "\n");
    write(at.folder / "app.py");
    CHECK(count(at.watcher) == 0);
    say(at.watcher, "free 1\n");
    CHECK(count(at.watcher) == 0);
    say(at.watcher, "free " + self + "\n");
    CHECK(count(at.watcher) == 1);
    constexpr int kNobody = 0x3fffffff;
    say(at.watcher, "busy " + std::to_string(kNobody) + "\n");
    write(at.folder / "app.py");
    CHECK(count(at.watcher) == 1);
  }
}
