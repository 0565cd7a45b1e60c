// What root gives up before it serves another user.
#pragma once

namespace appd::support {

/// For a master that is root and serves another user: gives up all capabilities but those it will
/// need. It binds again, signals and measures workers of another user, gives sockets away, opens
/// root's files, and becomes the user in its workers. With `for_good` the bounding set shrinks too:
/// no program it executes, and no child, can have more.
void keep_masters_capabilities(bool for_good) noexcept;

/// Whether this process may change a file's owner, and set a group that the process is not in.
bool may_give_files_away() noexcept;

/// Permanently, in this process and its descendants: executing a program adds no rights (setuid and
/// setgid bits and file capabilities are ignored). Throws std::system_error.
void forbid_new_privileges();

/// Empties the bounding set. Call it before root's rights are given up.
void empty_bounding_set() noexcept;

}  // namespace appd::support
