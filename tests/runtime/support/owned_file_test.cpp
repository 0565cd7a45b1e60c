// Tests of which file goes with its owner, and which stays.

#include "runtime/support/owned_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "fakes/temporary_folder.hpp"
#include "runtime/support/unique_fd.hpp"

using namespace appd::support;
using appd::test::TemporaryFolder;
using std::filesystem::exists;

namespace {

struct OneFile {
  OneFile() { std::ofstream(path) << "text"; }

  /// Another file at the same path.
  void replace() const {
    std::filesystem::rename(path, folder / "kept");
    std::ofstream(path) << "another";
  }

  TemporaryFolder folder;
  const std::string path = folder / "file";
};

}  // namespace

TEST_SUITE("owned file") {
  TEST_CASE("it goes with its owner") {
    const OneFile one;
    {
      const OwnedFile file = OwnedFile::at(one.path, nullptr);
      CHECK(file.exists());
      CHECK(file.path() == one.path);
      CHECK(exists(one.path));
    }
    CHECK_FALSE(exists(one.path));
  }

  TEST_CASE("another file at its path stays") {
    const OneFile one;
    OwnedFile file = OwnedFile::at(one.path, nullptr);
    one.replace();
    file.remove();
    CHECK_FALSE(file.exists());
    CHECK(exists(one.path));
  }

  TEST_CASE("a forked child leaves it alone") {
    const OneFile one;
    OwnedFile file = OwnedFile::at(one.path, nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      file.remove();
      ::_exit(0);
    }
    CHECK(::waitpid(child, nullptr, 0) == child);
    CHECK(exists(one.path));
  }

  TEST_CASE("the file that is open counts, not the one that has its name") {
    const OneFile one;
    const UniqueFd fd(::open(one.path.c_str(), O_RDONLY | O_CLOEXEC));
    CHECK(names_file(one.path, fd.get()));
    one.replace();
    CHECK_FALSE(names_file(one.path, fd.get()));
    { const OwnedFile file = OwnedFile::opened(fd.get(), one.path, nullptr); }
    CHECK(exists(one.path));
    std::filesystem::rename(one.folder / "kept", one.path);
    { const OwnedFile file = OwnedFile::opened(fd.get(), one.path, nullptr); }
    CHECK_FALSE(exists(one.path));
  }

  TEST_CASE("it has one owner at a time") {
    const OneFile one;
    OwnedFile second;
    {
      OwnedFile first = OwnedFile::at(one.path, nullptr);
      second = std::move(first);
    }
    CHECK(exists(one.path));
    second = OwnedFile();
    CHECK_FALSE(exists(one.path));
  }

  TEST_CASE("where there is no file none is owned") {
    const OneFile one;
    CHECK_FALSE(OwnedFile::at(one.folder / "none", nullptr).exists());
    CHECK_FALSE(OwnedFile::opened(-1, one.path, nullptr).exists());
    CHECK(exists(one.path));
  }
}
