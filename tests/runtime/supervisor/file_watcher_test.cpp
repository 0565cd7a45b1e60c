// Tests of touched, replaced and missing files.

#include "runtime/supervisor/file_watcher.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using appd::supervisor::FileWatcher;
using appd::test::TemporaryFolder;

namespace {

void write(const std::string& path, const char* text) {
  std::ofstream(path) << text;
}

/// As touch(1) does, at a time of its own: the clock of files stands still for milliseconds.
void touch(const std::string& path, int second) {
  const timespec times[]{{second, 0}, {second, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

bool told(const FileWatcher& file) {
  pollfd waited{file.fd(), POLLIN, 0};
  return ::poll(&waited, 1, 0) == 1;
}

}  // namespace

TEST_SUITE("file watcher") {
  TEST_CASE("a touch is told once") {
    const TemporaryFolder folder;
    write(folder / "touched", "text");
    FileWatcher file(folder / "touched");
    CHECK_FALSE(told(file));
    CHECK_FALSE(file.look());
    for (int second = 1; second < 4; ++second) {
      touch(folder / "touched", second);
      CHECK(told(file));
      CHECK(file.look());
      CHECK_FALSE(told(file));
      CHECK_FALSE(file.look());
    }
  }

  TEST_CASE("a file that comes, or takes another's place, is touched; one that goes is not") {
    const TemporaryFolder folder;
    const std::string path = folder / "touched";
    FileWatcher file(path);
    write(path, "");
    CHECK(told(file));
    CHECK(file.look());
    touch(path, 1);
    CHECK(file.look());
    write(folder / "new", "");
    touch(folder / "new", 1);  // another file of the same age
    CHECK_FALSE(file.look());
    REQUIRE(std::rename((folder / "new").c_str(), path.c_str()) == 0);
    CHECK(told(file));
    CHECK(file.look());
    REQUIRE(::unlink(path.c_str()) == 0);
    CHECK_FALSE(file.look());
    write(path, "");
    CHECK(file.look());
  }

  TEST_CASE("a write is a touch when the file is closed") {
    const TemporaryFolder folder;
    const std::string path = folder / "touched";
    write(path, "");
    touch(path, 1);
    FileWatcher file(path);
    write(path, "more");
    CHECK(told(file));
    CHECK(file.look());
  }

  TEST_CASE("what happens to other files in the folder is no touch") {
    const TemporaryFolder folder;
    write(folder / "touched", "");
    FileWatcher file(folder / "touched");
    for (int i = 0; i < 200; ++i) write(folder / std::to_string(i), "");
    CHECK_FALSE(file.look());
    CHECK_FALSE(told(file));  // all of it has been read
  }

  TEST_CASE("a relative path stays what it was when the process goes elsewhere") {
    const TemporaryFolder folder;
    CHECK(appd::test::in_process([&] {
            if (::chdir(folder.path().c_str()) != 0) return 1;
            FileWatcher file("touched");
            if (::chdir("/") != 0) return 2;
            write(folder / "touched", "");
            return file.look() ? 0 : 3;
          }) == 0);
  }

  TEST_CASE("without its folder there is nothing to watch; no program inherits the watch") {
    CHECK_THROWS_AS(FileWatcher("/no such folder/file"), std::system_error);
    const TemporaryFolder folder;
    FileWatcher file(folder / "touched");
    CHECK((::fcntl(file.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}
