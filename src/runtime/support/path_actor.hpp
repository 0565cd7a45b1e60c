// File access by root in folders that another user can write to.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/support/account.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// Decides with whose rights a root process touches a path, when it serves another user. Anyone who
/// can write to a folder on the way can put a link there and make root open a file for them. So
/// root uses its own rights only if root owns every folder on the way. Otherwise the access has the
/// rights of the user who can write there; a link then gains them nothing.
///
/// A group with write permission is trusted if the account is not in it. In a sticky folder of
/// root's, such as /tmp, the owner of the next folder or link counts.
class PathActor {
 public:
  /// `account` is the account that the workers run as. With null, or in a process that is not root,
  /// the process acts as it is. Looks at the folders as they are now; a missing one is reported by
  /// the call that needs it.
  PathActor(const std::string& path, const Account* account);

  /// True if the process acts as it is, and nobody else can redirect the path.
  bool is_self() const noexcept { return !other_; }
  /// The user whose rights count; this process's own if it acts as it is.
  uid_t user() const noexcept;
  /// For error texts: " as user nobody (users other than root can write to /run/appd)", or "" if
  /// the process acts as it is.
  std::string describe() const;

  /// While one exists, this process touches files as the actor. It must have one thread.
  class Acting {
   public:
    /// Throws std::system_error.
    explicit Acting(const PathActor& actor);
    ~Acting();
    Acting(const Acting&) = delete;
    Acting& operator=(const Acting&) = delete;

   private:
    bool changed_ = false;
    int dumpable_ = 0;
    gid_t group_ = 0;
    std::vector<gid_t> groups_;
  };

 private:
  friend class PathWalk;
  struct Other {
    Account account;
    std::string folder;  ///< the first one that it can write to
  };
  std::optional<Other> other_;
};

/// open(2) with the actor's rights. Where anyone but root can write, the file must be a regular
/// one. Throws std::system_error or std::runtime_error; both name the path and the actor.
UniqueFd open_for(const Account* account, const std::string& path, int flags, mode_t mode = 0);

/// unlink(2) with the actor's rights. Returns false, with errno set, if the file is still there.
bool unlink_for(const Account* account, const std::string& path) noexcept;

}  // namespace appd::support
