// Looks accounts up in the user database, and changes a process's user, groups and capabilities.

#include "runtime/support/account.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {
namespace {

unsigned parse_id(const std::string& text, const char* kind) {
  // To the kernel this value means "unchanged".
  constexpr unsigned kNobodyAtAll = std::numeric_limits<unsigned>::max();
  unsigned id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == kNobodyAtAll) {
    throw std::invalid_argument(fmt::format("there is no {} {}", kind, text));
  }
  return id;
}

const passwd* find_entry(const std::string& user) {
  if (const passwd* found = ::getpwnam(user.c_str())) return found;
  return ::getpwuid(parse_id(user, "user"));
}

std::vector<gid_t> groups_of(const std::string& name, gid_t group) {
  std::vector<gid_t> groups(32);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(name.c_str(), group, groups.data(), &count) < 0) {
    groups.resize(std::max(groups.size() * 2, static_cast<std::size_t>(std::max(count, 0))));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

bool is_current(const Account& account) noexcept {
  return ::getuid() == account.user && ::geteuid() == account.user && ::getgid() == account.group &&
         ::getegid() == account.group;
}

void check_become(const Account& account) {
  std::array<uid_t, 3> users{};
  std::array<gid_t, 3> groups{};
  ::getresuid(&users[0], &users[1], &users[2]);
  ::getresgid(&groups[0], &groups[1], &groups[2]);
  const bool all = std::count(users.begin(), users.end(), account.user) == 3 &&
                   std::count(groups.begin(), groups.end(), account.group) == 3;
  const bool regained = account.user != 0 && (::setresuid(0, 0, 0) == 0 ||
                                              (account.group != 0 && ::setresgid(0, 0, 0) == 0));
  if (!all || regained) throw std::runtime_error("cannot give up root's rights");
}

void set_or_unset(const char* variable, const std::string& value) {
  value.empty() ? ::unsetenv(variable) : ::setenv(variable, value.c_str(), 1);
}

}  // namespace

uid_t find_user(const std::string& name) {
  if (const passwd* found = ::getpwnam(name.c_str())) return found->pw_uid;
  return parse_id(name, "user");
}

gid_t find_group(const std::string& name) {
  if (const ::group* found = ::getgrnam(name.c_str())) return found->gr_gid;
  return parse_id(name, "group");
}

std::string user_name(uid_t user) {
  const passwd* const found = ::getpwuid(user);
  return found != nullptr ? found->pw_name : std::to_string(user);
}

bool is_in_group(gid_t group) {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return ::getegid() == group || std::find(groups.begin(), groups.end(), group) != groups.end();
}

Account find_account(const std::string& user, const std::string& group) {
  Account account;
  if (const passwd* entry = find_entry(user)) {
    account = {entry->pw_uid, entry->pw_gid, {}, entry->pw_name, entry->pw_dir};
  } else if (group.empty()) {
    throw std::invalid_argument(
        fmt::format("user {} is not in the user database, so --group must be given", user));
  } else {
    account.user = parse_id(user, "user");
  }
  if (!group.empty()) account.group = find_group(group);
  account.groups = account.name.empty() ? std::vector<gid_t>{account.group}
                                        : groups_of(account.name, account.group);
  return account;
}

std::optional<Account> account_to_become(const std::string& user, const std::string& group) {
  Account account = find_account(user, group);
  if (::geteuid() == 0) return account;
  if (is_current(account)) return std::nullopt;
  throw std::invalid_argument(
      fmt::format("only root can start workers as {}{}{}; appd was started by user {}, group {}",
                  user, group.empty() ? "" : ":", group, ::geteuid(), ::getegid()));
}

void become(const Account& account) {
  if (::setgroups(account.groups.size(), account.groups.data()) != 0) throw_errno("setgroups");
  if (::setresgid(account.group, account.group, account.group) != 0) {
    throw_errno("setresgid", std::to_string(account.group));
  }
  if (::setresuid(account.user, account.user, account.user) != 0) {
    throw_errno("setresuid", std::to_string(account.user));
  }
  check_become(account);
  // The change of user does it too, unless the machine is set up otherwise (fs.suid_dumpable).
  set_dumpable(Dumpable::no);
  set_or_unset("HOME", account.home);
  set_or_unset("USER", account.name);
  set_or_unset("LOGNAME", account.name);
}

void set_dumpable(Dumpable dumpable) noexcept {
  ::prctl(PR_SET_DUMPABLE, dumpable == Dumpable::yes ? 1 : 0);
}

}  // namespace appd::support
