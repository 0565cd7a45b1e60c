// Tests of whose rights count for a path.

#include "runtime/support/path_actor.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "fakes/temporary_folder.hpp"

using namespace appd::support;
using appd::test::TemporaryFolder;

namespace {

const Account kWorker{54321, 54322, {54322}, "", ""};
constexpr uid_t kSomebody = 54444;

bool is_root() {
  const bool root = ::geteuid() == 0;
  if (!root) MESSAGE("not root: nobody else acts for this user");
  return root;
}

/// Folders below one that only root can write to, whatever TMPDIR is.
struct Places {
  TemporaryFolder folder;

  std::string make(const std::string& name, uid_t owner, mode_t mode = 0755, gid_t group = 0) {
    const std::string path = folder / name;
    std::filesystem::create_directory(path);
    CHECK(::chown(path.c_str(), owner, group) == 0);
    CHECK(::chmod(path.c_str(), mode) == 0);
    return path;
  }
};

uid_t actor_on(const std::string& path) {
  return PathActor(path, &kWorker).user();
}

std::string problem_with(const std::string& path, int flags) {
  try {
    open_for(&kWorker, path, flags, 0644);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write(const std::string& path, uid_t owner, mode_t mode) {
  const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, mode));
  CHECK(::fchown(file.get(), owner, 0) == 0);
}

}  // namespace

TEST_SUITE("path actor") {
  TEST_CASE("root acts where only root can write") {
    if (!is_root()) return;
    Places places;
    CHECK(actor_on(places.make("root", 0) + "/log") == 0);
    CHECK(actor_on(places.make("group", 0, 0775, kWorker.group + 1) + "/log") == 0);
    CHECK(actor_on("/dev/stdout") == 0);
    CHECK(actor_on("/nonexistent/log") == 0);
  }

  TEST_CASE("where the workers' user can write, it acts") {
    if (!is_root()) return;
    Places places;
    const std::string own = places.make("own", kWorker.user);
    places.make("own/root", 0);
    CHECK(actor_on(own + "/log") == kWorker.user);
    CHECK(actor_on(own + "/root/log") == kWorker.user);
    CHECK(actor_on(own + "/nonexistent/log") == kWorker.user);
    CHECK(actor_on(places.make("group", 0, 0775, kWorker.group) + "/log") == kWorker.user);
    CHECK(actor_on(places.make("all", 0, 0777) + "/log") == kWorker.user);
    CHECK(actor_on(places.make("root", 0) + "/../own/log") == kWorker.user);
    CHECK(PathActor(own + "/log", &kWorker).describe() ==
          " as user 54321 (users other than root can write to " + own + ")");
  }

  TEST_CASE("where somebody else can write, that one acts, unless the workers' user can too") {
    if (!is_root()) return;
    Places places;
    const std::string site = places.make("site", kSomebody);
    CHECK(actor_on(site + "/env") == kSomebody);
    CHECK(actor_on(places.make("site/log", kWorker.user) + "/log") == kWorker.user);
    CHECK(actor_on(places.make("site/other", kSomebody + 1) + "/log") == kWorker.user);
  }

  TEST_CASE("in a sticky folder the owner of the next one has the say") {
    if (!is_root()) return;
    Places places;
    const std::string sticky = places.make("sticky", 0, 01777);
    CHECK(actor_on(sticky + "/log") == kWorker.user);
    CHECK(actor_on(places.make("sticky/root", 0) + "/log") == 0);
    CHECK(actor_on(places.make("sticky/own", kWorker.user) + "/log") == kWorker.user);
    CHECK(actor_on(places.make("sticky/other", kSomebody) + "/log") == kSomebody);
    write(sticky + "/file", 0, 0600);
    CHECK(actor_on(sticky + "/file") == kWorker.user);
    CHECK(actor_on(places.make("loose", kWorker.user, 01777) + "/root/log") == kWorker.user);
  }

  TEST_CASE("a link is gone along") {
    if (!is_root()) return;
    Places places;
    const std::string root = places.make("root", 0);
    const std::string own = places.make("own", kWorker.user);
    std::filesystem::create_symlink(own + "/log", root + "/to-own");
    std::filesystem::create_symlink("../root", root + "/to-root");
    std::filesystem::create_symlink(root + "/log", own + "/to-root");
    std::filesystem::create_symlink(root + "/loop", root + "/loop");
    CHECK(actor_on(root + "/to-own") == kWorker.user);
    CHECK(actor_on(root + "/to-root/log") == 0);
    CHECK(actor_on(own + "/to-root") == kWorker.user);
    CHECK(actor_on(root + "/loop") == 0);
  }

  TEST_CASE("nobody acts for a process that serves no other user") {
    Places places;
    CHECK(PathActor(places.folder / "log", nullptr).is_self());
    const Account root{0, 0, {0}, "root", "/root"};
    CHECK(PathActor(places.folder / "log", &root).is_self());
  }

  TEST_CASE("a link in the workers' folder opens no file that they may not open") {
    if (!is_root()) return;
    Places places;
    ::chmod(places.folder.path().c_str(), 0755);
    const std::string own = places.make("own", kWorker.user);
    write(places.folder / "secret", 0, 0600);
    std::filesystem::create_symlink(places.folder / "secret", own + "/log");
    for (const int flags : {O_RDONLY, O_WRONLY | O_APPEND | O_CREAT}) {
      const std::string problem = problem_with(own + "/log", flags);
      CHECK(
          has(problem, "open " + own + "/log as user 54321 (users other than root can write to "));
      CHECK(has(problem, "Permission denied"));
    }
    CHECK(::setfsuid(0) == 0);
  }

  TEST_CASE("what is made in the workers' folder is theirs, and no pipe holds root up") {
    if (!is_root()) return;
    Places places;
    ::chmod(places.folder.path().c_str(), 0755);
    const std::string own = places.make("own", kWorker.user);
    const UniqueFd file = open_for(&kWorker, own + "/log", O_WRONLY | O_APPEND | O_CREAT, 0640);
    struct stat status {};
    CHECK(::fstat(file.get(), &status) == 0);
    CHECK(status.st_uid == kWorker.user);
    CHECK(status.st_gid == kWorker.group);
    CHECK((::fcntl(file.get(), F_GETFL) & (O_APPEND | O_NONBLOCK)) == O_APPEND);
    CHECK(::mkfifo((own + "/pipe").c_str(), 0666) == 0);
    CHECK(has(problem_with(own + "/pipe", O_RDONLY), "not a regular file"));
    CHECK(unlink_for(&kWorker, own + "/log"));
    write(places.folder / "kept", 0, 0644);
    CHECK(unlink_for(&kWorker, places.folder / "kept"));  // root's folder: root acts
  }

  TEST_CASE("groups and identity come back") {
    if (!is_root()) return;
    Places places;
    const int before = ::getgroups(0, nullptr);
    const std::string own = places.make("own", kWorker.user);
    {
      const PathActor actor(own + "/log", &kWorker);
      const PathActor::Acting acting(actor);
      CHECK(::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(kWorker.user));
      CHECK(::getgroups(0, nullptr) == 1);
    }
    CHECK(::setfsuid(static_cast<uid_t>(-1)) == 0);
    CHECK(::setfsgid(static_cast<gid_t>(-1)) == static_cast<int>(::getegid()));
    CHECK(::getgroups(0, nullptr) == before);
  }
}
