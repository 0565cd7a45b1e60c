#pragma once

namespace appd::support {

/// Of a master that is root and serves another user: gives up all capabilities but those that it
/// will need (it binds again, signals and measures workers of another user, gives sockets away,
/// opens what is root's, and becomes the user in its workers). `for_good`: from the bounding set
/// too, so that no program which it executes has more; children cannot get more either then.
void keep_masters_capabilities(bool for_good) noexcept;

/// Whether this process may change the owner of files, and the group to one that it is not in.
bool may_give_files_away() noexcept;

/// For good, in this process and all that come of it: no program gives it more rights (setuid and
/// setgid bits and file capabilities count no more). Throws std::system_error.
void forbid_new_privileges();

/// Before the rights of root are given up: empties the bounding set.
void empty_bounding_set() noexcept;

}  // namespace appd::support
