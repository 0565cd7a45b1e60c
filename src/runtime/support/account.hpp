#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace appd::support {

/// The number of a user or group, by name or by number. Throws std::invalid_argument when there is
/// none of that name.
uid_t find_user(const std::string& name);
gid_t find_group(const std::string& name);

/// By the user database; the number when it has none.
std::string user_name(uid_t user);

/// Whether this process has the group, be it as one of several.
bool is_in_group(gid_t group);

/// Whom a process acts for.
struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  ///< all that count, `group` among them
  std::string name;           ///< "": a bare number, which the user database does not have
  std::string home;
};

/// `group`: "" is the user's own. Throws std::invalid_argument when there is no such user or group.
Account find_account(const std::string& user, const std::string& group);

/// The account that this process has to become to act for `user` and `group`; none: it does so
/// already. Throws std::invalid_argument when it may not, or when there is no such account.
std::optional<Account> account_to_become(const std::string& user, const std::string& group);

/// Whether other processes of a process's user may look into it (ptrace), and it leaves a core
/// file.
enum class Dumpable : bool { no, yes };

/// Gives up what this process may do for what the account may do, for good, and sets HOME, USER and
/// LOGNAME (a bare number has none of them). The process must have one thread. Throws
/// std::system_error, and std::runtime_error when root's rights turn out not to be gone.
void become(const Account& account, Dumpable dumpable = Dumpable::yes);
void set_dumpable(Dumpable dumpable) noexcept;

}  // namespace appd::support
