// Users, groups, and giving up root's rights to run as one of them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace appd::support {

/// The number of a user or group, given by name or by number. Throws std::invalid_argument if no
/// such user or group exists.
uid_t find_user(const std::string& name);
gid_t find_group(const std::string& name);

/// The user's name from the user database, or the number if it has none.
std::string user_name(uid_t user);

/// Whether this process has the group, as its primary group or a supplementary one.
bool is_in_group(gid_t group);

/// The user and groups with whose rights a process acts.
struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  ///< all of them, `group` included
  std::string name;           ///< "" for a bare number that is not in the user database
  std::string home;
};

/// `group` "" means the user's own group. Throws std::invalid_argument if the user or group does
/// not exist.
Account find_account(const std::string& user, const std::string& group);

/// The account that this process must become to act for `user` and `group`; std::nullopt if it
/// already does. Throws std::invalid_argument if it may not, or if the account does not exist.
std::optional<Account> account_to_become(const std::string& user, const std::string& group);

/// Whether a process leaves core files, and other processes of its user may trace it (ptrace).
enum class Dumpable : bool { no, yes };

/// Permanently replaces the rights of this process by the account's, and sets HOME, USER and
/// LOGNAME (a bare number has none of them). The process must have one thread. Until it executes a
/// program, it is not dumpable: it still has the memory and descriptors of before. Throws
/// std::system_error, and std::runtime_error if root's rights turn out not to be gone.
void become(const Account& account);
void set_dumpable(Dumpable dumpable) noexcept;

}  // namespace appd::support
