// Tests of the kernel's counter of memory kills.

#include "runtime/supervisor/oom_kills.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "fakes/temporary_folder.hpp"

using appd::supervisor::OomKills;

TEST_SUITE("oom kills") {
  TEST_CASE("a counter that rises is noticed once") {
    const appd::test::TemporaryFolder folder;
    const std::string path = folder / "memory.events";
    const auto write = [&path](int oom_kill) {
      std::ofstream(path) << "low 7\nhigh 7\nmax 7\noom 7\noom_kill " << oom_kill
                          << "\noom_group_kill 9\n";
    };
    write(3);
    OomKills kills(path);
    CHECK_FALSE(kills.have_risen());
    write(4);
    CHECK(kills.have_risen());
    CHECK_FALSE(kills.have_risen());
    write(6);
    CHECK(kills.have_risen());
  }

  TEST_CASE("without a counter none rises, nor does one that has just come") {
    const appd::test::TemporaryFolder folder;
    const std::string path = folder / "memory.events";
    OomKills kills(path);
    CHECK_FALSE(kills.have_risen());
    std::ofstream(path) << "oom_kill 5\n";
    CHECK_FALSE(kills.have_risen());
    std::ofstream(path) << "something else\n";
    CHECK_FALSE(kills.have_risen());
    CHECK_FALSE(OomKills("").have_risen());
  }

  TEST_CASE("version 1 has the same counter elsewhere") {
    const appd::test::TemporaryFolder folder;
    const std::string path = folder / "memory.oom_control";
    std::ofstream(path) << "oom_kill_disable 7\nunder_oom 0\noom_kill 1\n";
    OomKills kills(path);
    std::ofstream(path) << "oom_kill_disable 8\nunder_oom 1\noom_kill 1\n";
    CHECK_FALSE(kills.have_risen());
    std::ofstream(path) << "oom_kill_disable 8\nunder_oom 1\noom_kill 2\n";
    CHECK(kills.have_risen());
  }

  TEST_CASE("the file is that of the group which the kernel shows this process in") {
    const std::string path = OomKills::path_of_own_group();
    std::ifstream groups("/proc/self/cgroup");
    std::string version1, version2;
    for (std::string line; std::getline(groups, line);) {
      const auto at = line.find(":memory:");
      if (at != std::string::npos)
        version1 = "/sys/fs/cgroup/memory" + line.substr(at + 8) + "/memory.oom_control";
      if (line.starts_with("0::")) version2 = "/sys/fs/cgroup" + line.substr(3) + "/memory.events";
    }
    CHECK(path == (version1.empty() ? version2 : version1));
  }
}
