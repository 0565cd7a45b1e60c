// Tests of accounts, and of giving up root's rights.

#include "runtime/support/account.hpp"

#include <doctest/doctest.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

#include "fakes/in_process.hpp"
#include "fakes/sanitizers.hpp"

using namespace appd::support;
using appd::test::in_process;
using appd::test::kThreadSanitizer;

namespace {

constexpr const char* kUnknownNumber = "3999999999";

template <typename Call>
std::string problem_with(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

bool is_root() {
  const bool root = ::geteuid() == 0;
  if (!root) MESSAGE("not root: nothing can be given up");
  return root;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

TEST_SUITE("account") {
  TEST_CASE("users and groups are known by name and by number") {
    CHECK(find_user("root") == 0);
    CHECK(find_group("root") == 0);
    CHECK(find_user(kUnknownNumber) == 3999999999u);
    CHECK(find_group("12") == 12);
    CHECK(problem_with([] { find_user("no-such-user"); }) == "there is no user no-such-user");
    CHECK(problem_with([] { find_group("no-such-group"); }) == "there is no group no-such-group");
    CHECK(problem_with([] { find_user("12x"); }) == "there is no user 12x");
  }

  TEST_CASE("the number that leaves everything unchanged is nobody's") {
    CHECK(problem_with([] { find_user("4294967295"); }) == "there is no user 4294967295");
    CHECK(problem_with([] { find_account("4294967295", "0"); }) != "none");
  }

  TEST_CASE("an account is what the user database says") {
    for (const char* user : {"root", "0"}) {
      const Account root = find_account(user, "");
      CHECK(root.user == 0);
      CHECK(root.group == 0);
      CHECK(root.name == "root");
      CHECK(root.home == ::getpwnam("root")->pw_dir);
      CHECK(std::count(root.groups.begin(), root.groups.end(), 0) == 1);
    }
    const Account other = find_account("root", "12");
    CHECK(other.group == 12);
    CHECK(std::count(other.groups.begin(), other.groups.end(), 12) == 1);
  }

  TEST_CASE("a number that is in no database needs a group, and has no other") {
    CHECK(problem_with([] { find_account(kUnknownNumber, ""); }) ==
          "user 3999999999 is not in the user database, so --group must be given");
    const Account account = find_account(kUnknownNumber, "12");
    CHECK(account.groups == std::vector<gid_t>{12});
    CHECK(account.name.empty());
    CHECK(account.home.empty());
  }

  TEST_CASE("who is not root can only stay what it is") {
    CHECK(in_process([] {
            if (::geteuid() == 0) become(find_account("12345", "12346"));
            const std::string user = std::to_string(::geteuid());
            const std::string group = std::to_string(::getegid());
            if (account_to_become(user, group)) return 1;
            const std::string problem =
                problem_with([&] { account_to_become(user, std::to_string(::getegid() + 1)); });
            if (problem.find("only root can start workers as " + user) != 0) return 2;
            if (problem_with([] { account_to_become("root", ""); }) == "none") return 3;
            try {
              become(find_account("root", ""));
            } catch (const std::system_error&) {
              return 42;
            }
            return 4;
          }) == 42);
  }

  TEST_CASE("root gives up everything for the account's own") {
    if (!is_root()) return;
    CHECK(account_to_become("12345", "12346").has_value());
    CHECK(account_to_become("root", "").has_value());
    CHECK(in_process([] {
            const gid_t roots[] = {0, 4};
            if (::setgroups(2, roots) != 0) return 1;
            ::setenv("HOME", "/root", 1);
            become({12345, 12346, {12346, 12347}, "somebody", "/home/somebody"});
            uid_t user[3];
            gid_t group[3];
            ::getresuid(&user[0], &user[1], &user[2]);
            ::getresgid(&group[0], &group[1], &group[2]);
            for (int i = 0; i < 3; ++i) {
              if (user[i] != 12345 || group[i] != 12346) return 2;
            }
            gid_t groups[8];
            if (::getgroups(8, groups) != 2 || groups[0] != 12346 || groups[1] != 12347) return 3;
            if (::setuid(0) == 0 || ::setgid(0) == 0 || ::setgroups(1, roots) == 0) return 4;
            if (variable("HOME") != "/home/somebody" || variable("USER") != "somebody") return 5;
            if (variable("LOGNAME") != "somebody") return 6;
            return ::prctl(PR_GET_DUMPABLE) == 0 ? 42 : 7;
          }) == 42);
  }

  TEST_CASE("a bare number has no home and no name") {
    if (!is_root()) return;
    CHECK(in_process([] {
            for (const char* name : {"HOME", "USER", "LOGNAME"}) ::setenv(name, "root's", 1);
            become(find_account("12345", "12346"));
            for (const char* name : {"HOME", "USER", "LOGNAME"}) {
              if (std::getenv(name) != nullptr) return 1;
            }
            return 42;
          }) == 42);
  }

  TEST_CASE("rights that would come back are an error") {
    if (!is_root()) return;
    // The flag below belongs to one thread, and libc ends a process whose threads change their user
    // with different results.
    if (kThreadSanitizer) return;
    CHECK(in_process([] {
            // With this flag a change of user leaves the capabilities as they are.
            constexpr unsigned long kNoSetuidFixup = 1 << 2;
            // Not permitted: in a container
            if (::prctl(PR_SET_SECUREBITS, kNoSetuidFixup) != 0) return 42;
            try {
              become({12345, 12346, {12346}, "", ""});
            } catch (const std::runtime_error&) {
              return 42;
            }
            return 1;
          }) == 42);
  }
}
