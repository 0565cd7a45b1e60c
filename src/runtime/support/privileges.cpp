// Linux capabilities and no_new_privs of the master and the workers.

#include "runtime/support/privileges.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "runtime/support/throw_errno.hpp"

namespace appd::support {
namespace {

constexpr std::array kMasters{
    CAP_CHOWN,             // socket files
    CAP_DAC_OVERRIDE,      // logs, env files, sockets
    CAP_DAC_READ_SEARCH,   //
    CAP_FOWNER,            // removes socket and pid files
    CAP_KILL,              // workers of another user
    CAP_SETGID,            // PathActor, and what workers become
    CAP_SETUID,            //
    CAP_SETPCAP,           // empty_bounding_set in workers
    CAP_NET_BIND_SERVICE,  // a reload binds
    CAP_SYS_PTRACE,        // --max-memory reads smaps of another user's processes
};

constexpr std::uint64_t bit(int capability) noexcept {
  return std::uint64_t{1} << static_cast<unsigned>(capability);
}

std::uint64_t masters() noexcept {
  std::uint64_t all = 0;
  for (const int each : kMasters) all |= bit(each);
  return all;
}

/// Removes from the bounding set what is not in `kept`.
void bound(std::uint64_t kept) noexcept {
  constexpr int kMost = 64;
  for (int each = 0; each < kMost && ::prctl(PR_CAPBSET_READ, each) >= 0; ++each) {
    if ((kept & bit(each)) == 0) ::prctl(PR_CAPBSET_DROP, each);
  }
}

}  // namespace

bool may_give_files_away() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  return ::syscall(SYS_capget, &header, sets.data()) == 0 &&
         (sets[0].effective & bit(CAP_CHOWN)) != 0;
}

void keep_masters_capabilities(bool for_good) noexcept {
  if (for_good) bound(masters());
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto kept = static_cast<std::uint32_t>(masters() >> (32 * i));
    sets[i].effective &= kept;
    sets[i].permitted &= kept;
    sets[i].inheritable = 0;
  }
  ::syscall(SYS_capset, &header, sets.data());
}

void forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw_errno("prctl", "PR_SET_NO_NEW_PRIVS");
}

void empty_bounding_set() noexcept {
  bound(0);
}

}  // namespace appd::support
