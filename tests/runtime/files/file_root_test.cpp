// Tests of what can be opened below a directory, and what cannot.

#include "runtime/files/file_root.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <thread>

#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/files/written_file.hpp"
#include "runtime/support/unix_address.hpp"

using namespace appd::files;
using appd::files::test::set_time;
using appd::files::test::write;
using appd::support::UniqueFd;
using appd::test::in_process;
using appd::test::TemporaryFolder;
using Lookup = FileRoot::Lookup;

namespace {

namespace fs = std::filesystem;

constexpr Lookup kLookups[] = {Lookup::beneath, Lookup::without_links};

/// "open", or the problem and its errno.
std::string outcome(const FileRoot& root, std::string_view path) {
  const Opened opened = root.open(path);
  if (std::holds_alternative<OpenFile>(opened)) return "open";
  const auto& failure = std::get<OpenFailure>(opened);
  constexpr const char* kNames[] = {"not found", "forbidden", "error"};
  return kNames[static_cast<int>(failure.problem)] + std::string(" ") +
         std::to_string(failure.error);
}

std::string text_of(const Opened& opened) {
  std::array<char, 100> text;
  const ssize_t size = ::pread(std::get<OpenFile>(opened).file.get(), text.data(), text.size(), 0);
  return size < 0 ? "unreadable" : std::string(text.data(), static_cast<std::size_t>(size));
}

/// A root, and files beside it that must stay out of reach.
struct Site {
  TemporaryFolder folder;
  std::string root = folder / "root";

  Site() {
    write(folder / "secret", "secret");
    write(root + "/a.css", "a");
    write(root + "/deep/down/b.css", "b");
    write(root + "/.env", "password");
    write(root + "/.git/config", "config");
    write(root + "/deep/...", "dots");
  }
  std::string operator/(const std::string& name) const { return root + "/" + name; }
  void link(const std::string& name, const std::string& target) const {
    fs::create_symlink(target, root + "/" + name);
  }
};

/// Lets openat2(2) fail in this process.
void deny_openat2(int error) {
  std::array<sock_filter, 4> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 437, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(90);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(91);
}

/// A user for whom files of mode 0 cannot be read.
void become_nobody() {
  if (::geteuid() == 0 && (::setgid(54'321) != 0 || ::setuid(54'321) != 0)) ::_exit(92);
}

}  // namespace

TEST_SUITE("file root") {
  TEST_CASE("files below it are open, with their facts") {
    const Site site;
    set_time(site / "a.css", 784'111'777, 5);
    for (const auto lookup : kLookups) {
      const FileRoot root(site.root, lookup);
      const Opened opened = root.open("a.css");
      CHECK(text_of(opened) == "a");
      const OpenFile& file = std::get<OpenFile>(opened);
      CHECK(file.facts.size == 1);
      CHECK(file.facts.modified.tv_sec == 784'111'777);
      CHECK(file.facts.modified.tv_nsec == 5);
      CHECK((::fcntl(file.file.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
      CHECK((::fcntl(file.file.get(), F_GETFD) & FD_CLOEXEC) != 0);
      CHECK(text_of(root.open("deep/down/b.css")) == "b");
    }
  }

  TEST_CASE("some names are refused before the kernel is asked") {
    const Site site;
    const std::string longest(255, 'x');
    write(site / longest, "long");
    for (const auto lookup : kLookups) {
      const FileRoot root(site.root, lookup);
      for (const std::string& name :
           {std::string(), std::string("."), std::string(".."), std::string("../secret"),
            std::string("deep/../a.css"), std::string("deep/./down/b.css"), std::string(".env"),
            std::string(".git/config"), std::string("deep/..."), std::string("/a.css"),
            std::string("//a.css"), std::string("a.css/"), std::string("deep//down/b.css"),
            std::string("deep/"), std::string("a.css\0", 6), std::string("a\0.css", 6),
            longest + "x", site.folder / "secret"}) {
        CAPTURE(name);
        CHECK(outcome(root, name) == "not found 0");
      }
      CHECK(outcome(root, longest) == "open");
    }
  }

  TEST_CASE("a path has at most 4095 bytes") {
    const Site site;
    for (const auto lookup : kLookups) {
      const FileRoot root(site.root, lookup);
      std::string path(4095, 'x');
      for (std::size_t at = 200; at < path.size(); at += 200) path[at] = '/';
      CHECK(outcome(root, path) == "not found " + std::to_string(ENOENT));
      CHECK(outcome(root, path + "x") == "not found 0");
    }
  }

  TEST_CASE("what is not there, or is a folder, is not found") {
    const Site site;
    for (const auto lookup : kLookups) {
      const FileRoot root(site.root, lookup);
      CHECK(outcome(root, "b.css") == "not found " + std::to_string(ENOENT));
      CHECK(outcome(root, "nowhere/b.css") == "not found " + std::to_string(ENOENT));
      CHECK(outcome(root, "a.css/b.css") == "not found " + std::to_string(ENOTDIR));
      CHECK(outcome(root, "deep") == "not found 0");
      CHECK(outcome(root, "deep/down") == "not found 0");
    }
  }

  TEST_CASE("links are followed as long as they stay below the root") {
    const Site site;
    site.link("inside.css", "deep/down/b.css");
    site.link("folder", "deep/down");
    site.link("deep/up.css", "../a.css");
    site.link("visible", ".env");
    const FileRoot root(site.root, Lookup::beneath);
    CHECK(text_of(root.open("inside.css")) == "b");
    CHECK(text_of(root.open("folder/b.css")) == "b");
    CHECK(text_of(root.open("deep/up.css")) == "a");
    CHECK(text_of(root.open("visible")) == "password");
  }

  TEST_CASE("links with dots are followed while folders are renamed") {
    const Site site;
    site.link("deep/up.css", "../a.css");
    write(site.folder / "one/file", "");
    std::atomic<bool> done{false};
    std::thread renaming([&] {
      while (!done) {
        fs::rename(site.folder / "one", site.folder / "other");
        fs::rename(site.folder / "other", site.folder / "one");
      }
    });
    const FileRoot root(site.root, Lookup::beneath);
    int open = 0;
    for (int i = 0; i < 5'000; ++i) open += outcome(root, "deep/up.css") == "open" ? 1 : 0;
    done = true;
    renaming.join();
    CHECK(open == 5'000);
  }

  TEST_CASE("links that lead out are refused") {
    const Site site;
    site.link("out", "../secret");
    site.link("out_and_in", "../root/a.css");
    site.link("absolute", site.folder / "secret");
    site.link("absolute_inside", site / "a.css");
    site.link("parent", "..");
    site.link("magic", "/proc/self/fd/0");
    site.link("loop", "loop");
    const FileRoot root(site.root, Lookup::beneath);
    for (const char* const name :
         {"out", "out_and_in", "absolute", "absolute_inside", "parent/secret", "magic"}) {
      CAPTURE(name);
      CHECK(outcome(root, name) == "not found " + std::to_string(EXDEV));
    }
    CHECK(outcome(root, "loop") == "not found " + std::to_string(ELOOP));
    CHECK(outcome(root, "parent") == "not found " + std::to_string(EXDEV));
  }

  TEST_CASE("without the kernel's help no link is followed") {
    const Site site;
    site.link("inside.css", "deep/down/b.css");
    site.link("folder", "deep/down");
    site.link("out", "../secret");
    site.link("parent", "..");
    const FileRoot root(site.root, Lookup::without_links);
    CHECK(outcome(root, "inside.css") == "not found 0");
    CHECK(outcome(root, "out") == "not found 0");
    CHECK(outcome(root, "folder/b.css") == "not found " + std::to_string(ENOTDIR));
    CHECK(outcome(root, "parent/secret") == "not found " + std::to_string(ENOTDIR));
  }

  TEST_CASE("pipes, sockets and devices are not opened at all") {
    const Site site;
    REQUIRE(::mkfifo((site / "pipe").c_str(), 0666) == 0);
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = appd::support::path_address(site / "socket");
    REQUIRE(::bind(socket.get(), address->get(), address->size) == 0);
    const bool device = ::mknod((site / "null").c_str(), S_IFCHR | 0666, (1U << 8) | 3) == 0;
    const UniqueFd opens(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    REQUIRE(::inotify_add_watch(opens.get(), site.root.c_str(), IN_OPEN) >= 0);
    std::array<char, 1024> events;
    for (const auto lookup : kLookups) {
      const FileRoot root(site.root, lookup);
      CHECK(outcome(root, "pipe") == "not found 0");
      CHECK(outcome(root, "socket") == "not found 0");
      if (device) CHECK(outcome(root, "null") == "not found 0");
      CHECK(::read(opens.get(), events.data(), events.size()) == -1);
      CHECK(outcome(root, "a.css") == "open");
      CHECK(::read(opens.get(), events.data(), events.size()) > 0);
    }
  }

  TEST_CASE("what may not be read is forbidden") {
    const Site site;
    write(site / "closed/c.css", "c");
    fs::permissions(site.folder.path(), fs::perms::all);
    fs::permissions(site / "a.css", fs::perms::none);
    fs::permissions(site / "closed", fs::perms::none);
    for (const auto lookup : kLookups) {
      CHECK(in_process([&] {
              const FileRoot root(site.root, lookup);
              become_nobody();
              const std::string forbidden = "forbidden " + std::to_string(EACCES);
              if (outcome(root, "a.css") != forbidden) return 1;
              if (outcome(root, "closed/c.css") != forbidden) return 2;
              return outcome(root, "deep/down/b.css") == "open" ? 42 : 3;
            }) == 42);
    }
    fs::permissions(site / "closed", fs::perms::all);
  }

  TEST_CASE("without descriptors it is an error") {
    const Site site;
    for (const auto lookup : kLookups) {
      CHECK(in_process([&] {
              const FileRoot root(site.root, lookup);
              const rlimit none{0, 0};
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
              return outcome(root, "a.css") == "error " + std::to_string(EMFILE) ? 42 : 2;
            }) == 42);
    }
  }

  TEST_CASE("an open file stays what it was when another takes its name") {
    const Site site;
    const FileRoot root(site.root);
    const Opened opened = root.open("a.css");
    write(site / "new", "longer");
    fs::rename(site / "new", site / "a.css");
    CHECK(text_of(opened) == "a");
    CHECK(std::get<OpenFile>(opened).facts.size == 1);
    CHECK(text_of(root.open("a.css")) == "longer");
    fs::remove(site / "a.css");
    CHECK(outcome(root, "a.css") == "not found " + std::to_string(ENOENT));
  }

  TEST_CASE("the directory stays the one that was there first") {
    const Site site;
    fs::create_symlink(site.root, site.folder / "current");
    const FileRoot root(site.folder / "current");
    fs::remove(site.folder / "current");
    write(site.folder / "next/a.css", "next");
    fs::create_symlink(site.folder / "next", site.folder / "current");
    CHECK(text_of(root.open("a.css")) == "a");
  }

  TEST_CASE("a root must be a directory") {
    const Site site;
    for (const std::string& path : {site / "a.css", site / "nowhere"}) {
      CAPTURE(path);
      try {
        const FileRoot root(path);
        FAIL("opened");
      } catch (const std::system_error& error) {
        CHECK(std::string(error.what()).find("cannot open the directory " + path) == 0);
      }
    }
    CHECK_THROWS_AS(FileRoot(site / "a.css", Lookup::without_links), std::system_error);
  }

  TEST_CASE("a root must be one that the process may enter") {
    const TemporaryFolder folder;
    std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read);
    CHECK(in_process([&] {
            if (::geteuid() == 0 && ::setuid(54'321) != 0) return 1;
            try {
              const FileRoot root(folder.path());
            } catch (const std::system_error& error) {
              return error.code() == std::errc::permission_denied ? 42 : 2;
            }
            return 3;
          }) == 42);
    std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  }

  TEST_CASE("links are followed unless the kernel or a filter does not know how") {
    const Site site;
    CHECK(FileRoot(site.root).lookup() == Lookup::beneath);
    for (const int error : {ENOSYS, EPERM}) {
      CHECK(in_process([&] {
              deny_openat2(error);
              const FileRoot root(site.root);
              if (root.lookup() != Lookup::without_links) return 1;
              return text_of(root.open("deep/down/b.css")) == "b" ? 42 : 2;
            }) == 42);
    }
  }
}
