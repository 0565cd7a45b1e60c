// Tests of the quota of control groups, on recorded files of hosts and containers.

#include "runtime/support/cpu_quota.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace appd::support;

namespace {

using Files = std::map<std::string, std::string>;
using Cpus = std::optional<unsigned>;

Cpus quota_of(const Files& files) {
  return quota_in_cpus([&](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  });
}

/// The same machine with these files in addition.
Files with(Files files, const Files& more) {
  files.insert(more.begin(), more.end());
  return files;
}

// systemd on a host with version 2.
const Files kHost2 = {
    {"/proc/self/mountinfo",
     "25 30 0:24 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw\n"
     "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
     "rw,nsdelegate,memory_recursiveprot\n"},
    {"/proc/self/cgroup", "0::/system.slice/appd.service\n"}};
// A container with version 2: the runtime's group for it is the root.
const Files kContainer2 = {
    {"/proc/self/mountinfo",
     "1124 1123 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n"},
    {"/proc/self/cgroup", "0::/\n"}};
// A container with version 1 that knows the host's path of its group.
const Files kContainer1 = {
    {"/proc/self/mountinfo",
     "719 708 0:92 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755\n"
     "720 719 0:26 /docker/4f3c /sys/fs/cgroup/systemd ro,relatime master:11 - cgroup cgroup "
     "rw,xattr,name=systemd\n"
     "723 719 0:31 /docker/4f3c /sys/fs/cgroup/cpuset ro,relatime master:17 - cgroup cgroup "
     "rw,cpuset\n"
     "724 719 0:32 /docker/4f3c /sys/fs/cgroup/cpu,cpuacct ro,relatime master:18 - cgroup cgroup "
     "rw,cpu,cpuacct\n"},
    {"/proc/self/cgroup",
     "11:cpuset:/docker/4f3c\n4:cpu,cpuacct:/docker/4f3c\n1:name=systemd:/docker/4f3c\n"}};
// Both versions on one machine: CPU time is in the hands of version 1.
const Files kHybrid = {
    {"/proc/self/mountinfo",
     "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
     "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
     "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
     "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"},
    {"/proc/self/cgroup",
     "9:name=systemd:/\n3:cpuset:/\n2:cpuacct:/other\n1:cpu:/site/appd\n0::/unit\n"}};

const std::string kGroup2 = "/sys/fs/cgroup/system.slice/appd.service/cpu.max";
const std::string kParent2 = "/sys/fs/cgroup/system.slice/cpu.max";
const std::string kGroup1 = "/sys/fs/cgroup/cpu,cpuacct";
const std::string kHybrid1 = "/sys/fs/cgroup/cpu/site";

Cpus version_2(const std::string& text) {
  return quota_of(with(kHost2, {{kGroup2, text}}));
}

Cpus version_1(const std::string& quota, const std::string& period) {
  return quota_of(with(kContainer1, {{kGroup1 + "/cpu.cfs_quota_us", quota},
                                     {kGroup1 + "/cpu.cfs_period_us", period}}));
}

}  // namespace

TEST_SUITE_BEGIN("cpu quota");

TEST_CASE("a quota is rounded up to whole CPUs") {
  struct Row {
    const char* quota;
    const char* period;
    unsigned cpus;
  };
  for (const Row& row :
       {Row{"200000", "100000", 2}, Row{"200001", "100000", 3}, Row{"150000", "100000", 2},
        Row{"50000", "100000", 1}, Row{"1000", "1000000", 1}, Row{"60000", "20000", 3},
        Row{"9223372036854775807", "1", 4'294'967'295u}}) {
    CAPTURE(row.quota);
    CHECK(version_2(std::string(row.quota) + " " + row.period + "\n") == row.cpus);
    CHECK(version_1(std::string(row.quota) + "\n", std::string(row.period) + "\n") == row.cpus);
  }
}

TEST_CASE("there may be no quota") {
  CHECK(version_2("max 100000\n") == std::nullopt);
  CHECK(version_1("-1\n", "100000\n") == std::nullopt);
  CHECK(quota_of(kHost2) == std::nullopt);
  CHECK(quota_of(kHybrid) == std::nullopt);
}

TEST_CASE("a text that the kernel would not write is no quota") {
  for (const char* bad : {"", "\n", "100000", "0 100000", "100000 0", "100000 -1", "x y"}) {
    CAPTURE(bad);
    CHECK(version_2(bad) == std::nullopt);
  }
}

TEST_CASE("files that cannot be read are no quota") {
  CHECK(quota_of({}) == std::nullopt);
  for (const char* missing : {"/proc/self/mountinfo", "/proc/self/cgroup"}) {
    Files files = with(kHost2, {{kGroup2, "100000 100000\n"}});
    files.erase(missing);
    CHECK(quota_of(files) == std::nullopt);
  }
  CHECK(quota_of(with(kContainer1, {{kGroup1 + "/cpu.cfs_quota_us", "100000\n"}})) == std::nullopt);
  CHECK(quota_of(with(kContainer1, {{kGroup1 + "/cpu.cfs_period_us", "100000\n"}})) ==
        std::nullopt);
}

TEST_CASE("the least quota of a group and those above it counts") {
  const std::string two = "200000 100000\n";
  const std::string four = "400000 100000\n";
  CHECK(quota_of(with(kHost2, {{kParent2, two}})) == 2);
  CHECK(quota_of(with(kHost2, {{kGroup2, four}, {kParent2, two}})) == 2);
  CHECK(quota_of(with(kHost2, {{kGroup2, two}, {kParent2, four}})) == 2);
  CHECK(quota_of(with(kHost2, {{kGroup2, "max 100000\n"}, {kParent2, four}})) == 4);
  CHECK(quota_of(with(kHost2, {{kGroup2, four}, {"/sys/fs/cgroup/cpu.max", two}})) == 2);
  const Files beside = {{"/sys/fs/cgroup/system.slice/nginx.service/cpu.max", two},
                        {"/sys/fs/cpu.max", two},
                        {kGroup2 + "/below/cpu.max", two}};
  CHECK(quota_of(with(kHost2, beside)) == std::nullopt);
}

TEST_CASE("a container sees its own group at the top of the mount") {
  CHECK(quota_of(with(kContainer2, {{"/sys/fs/cgroup/cpu.max", "50000 100000\n"}})) == 1);
  CHECK(version_1("350000\n", "100000\n") == 4);
  Files deeper = kContainer1;
  deeper["/proc/self/cgroup"] = "4:cpu,cpuacct:/docker/4f3c/part\n";
  deeper[kGroup1 + "/part/cpu.cfs_quota_us"] = "300000\n";
  deeper[kGroup1 + "/part/cpu.cfs_period_us"] = "100000\n";
  CHECK(quota_of(deeper) == 3);
}

TEST_CASE("a mount that does not show this process's group says nothing") {
  for (const char* elsewhere : {"/docker/4f3cd", "/docker", "/", "/../other"}) {
    CAPTURE(elsewhere);
    Files files = with(kContainer1, {{kGroup1 + "/cpu.cfs_quota_us", "100000\n"},
                                     {kGroup1 + "/cpu.cfs_period_us", "100000\n"}});
    files["/proc/self/cgroup"] = std::string("4:cpu,cpuacct:") + elsewhere + "\n";
    CHECK(quota_of(files) == std::nullopt);
  }
}

TEST_CASE("with both versions each is asked about its own group") {
  const Files of_1 = {{kHybrid1 + "/cpu.cfs_quota_us", "300000\n"},
                      {kHybrid1 + "/cpu.cfs_period_us", "100000\n"}};
  const Files of_2 = {{"/sys/fs/cgroup/unified/unit/cpu.max", "200000 100000\n"}};
  CHECK(quota_of(with(kHybrid, of_1)) == 3);
  CHECK(quota_of(with(kHybrid, of_2)) == 2);
  CHECK(quota_of(with(with(kHybrid, of_1), of_2)) == 2);
  const Files accounts = {{"/sys/fs/cgroup/cpuacct/site/appd/cpu.cfs_quota_us", "100000\n"},
                          {"/sys/fs/cgroup/cpuacct/site/appd/cpu.cfs_period_us", "100000\n"}};
  CHECK(quota_of(with(kHybrid, accounts)) == std::nullopt);
}

TEST_CASE("blanks, backslashes and colons may be in paths") {
  const Files files = {{"/proc/self/mountinfo",
                        "35 24 0:30 /a\\134x2db /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n"},
                       {"/proc/self/cgroup", "0::/a\\x2db/c:d\n"},
                       {"/mnt/my groups/c:d/cpu.max", "500000 100000\n"}};
  CHECK(quota_of(files) == 5);
}

TEST_CASE("broken lines of mounts are passed over") {
  Files files = with(kContainer2, {{"/sys/fs/cgroup/cpu.max", "100000 100000\n"}});
  const std::string good = files["/proc/self/mountinfo"];
  for (const char* broken : {"\n", "x\n", " - \n", "1 2 - cgroup2\n", "1 2 3 - cgroup\n", "\\\n"}) {
    CAPTURE(broken);
    files["/proc/self/mountinfo"] = broken + good;
    CHECK(quota_of(files) == 1);
  }
}

TEST_SUITE_END();
