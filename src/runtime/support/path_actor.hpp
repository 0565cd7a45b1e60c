#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/support/account.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// Who acts on a path for a root that serves another user. Whoever can write to a folder on the way
/// can put a link into it, and would have root open what he may not. So root acts itself only where
/// every folder on the way is root's; elsewhere the one acts who can write there, and a link gives
/// him nothing that he has not.
///
/// A group that can write, and that the account is not in, is trusted. In a folder such as /tmp
/// (root's, sticky) who owns the next folder or link has the say.
class PathActor {
 public:
  /// `account`: whom the workers act for. Null, or a process that is not root: acts as it is. Looks
  /// at the folders as they are now; what is not there is left to the call that needs it.
  PathActor(const std::string& path, const Account* account);

  /// True: the process as it is, and nobody else can change what the path leads to.
  bool is_self() const noexcept { return !other_; }
  /// Whose rights count; for a process that acts as it is, its own.
  uid_t user() const noexcept;
  /// "" for itself; else " as user nobody, who can write to /run/appd", for error texts.
  std::string describe() const;

  /// For as long as it lives, this process touches files as the actor. It must have one thread.
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
    std::string folder;  ///< the first that it can write to
  };
  std::optional<Other> other_;
};

/// open(2) as the path's actor. What is opened where another than root can write must be a regular
/// file. Throws std::system_error or std::runtime_error; both name path and actor.
UniqueFd open_for(const Account* account, const std::string& path, int flags, mode_t mode = 0);

/// unlink(2) as the path's actor. False: it is still there, see errno.
bool unlink_for(const Account* account, const std::string& path) noexcept;

}  // namespace appd::support
