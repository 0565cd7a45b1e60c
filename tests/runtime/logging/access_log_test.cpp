// Tests of the access log's file.

#include "runtime/logging/access_log.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace appd::logging;
using appd::gateway::AccessRecord;

namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  ~TemporaryFolder() {
    ::unlink(file().c_str());
    ::rmdir(path_.c_str());
  }
  std::string file() const { return path_ + "/access.log"; }
  std::string content() const {
    std::ifstream stream(file());
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string path_ = "/tmp/appd-test-XXXXXX";
};

AccessRecord record_of(std::string_view uri) {
  AccessRecord record;
  record.uri = uri;
  return record;
}

}  // namespace

TEST_SUITE("access log") {
  TEST_CASE("lines are appended to a file that others write too") {
    const TemporaryFolder folder;
    AccessLog one(folder.file(), "one {uri}");
    AccessLog other(folder.file(), "other {uri}");
    one.write(record_of("/1"));
    other.write(record_of("/2"));
    one.write(record_of("/3"));
    CHECK(folder.content() == "one /1\nother /2\none /3\n");

    struct stat status {};
    REQUIRE(::stat(folder.file().c_str(), &status) == 0);
    CHECK((status.st_mode & 0137) == 0);  // 0640 at most
  }

  TEST_CASE("an empty format is the default") {
    const TemporaryFolder folder;
    AccessLog log(folder.file(), "");
    log.write(record_of("/x"));
    CHECK(folder.content().find("\"- /x -\" 0 0 \"-\" \"-\" queue=0.000 app=0.000\n") !=
          std::string::npos);
  }

  TEST_CASE("a dash is stdout") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    std::fflush(nullptr);
    const appd::support::UniqueFd reading(ends[0]), kept(::dup(STDOUT_FILENO));
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[1]);
    {
      AccessLog log("-", "{uri}");
      ::dup2(kept.get(), STDOUT_FILENO);
      log.write(record_of("/x"));
    }
    std::array<char, 16> bytes{};
    CHECK(::read(reading.get(), bytes.data(), bytes.size()) == 3);
    CHECK(std::string(bytes.data()) == "/x\n");
  }

  TEST_CASE("a file that cannot be opened, or a bad format, is an error at the start") {
    CHECK_THROWS_WITH_AS(AccessLog("/nonexistent/access.log", ""),
                         "open /nonexistent/access.log: No such file or directory",
                         std::system_error);
    CHECK_THROWS_AS(AccessLog("-", "{nonsense}"), std::invalid_argument);
  }
}
