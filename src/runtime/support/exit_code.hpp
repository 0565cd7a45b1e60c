#pragma once

namespace appd::support::exit_code {

inline constexpr int kOk = 0;
inline constexpr int kFailure = 1;        ///< anything without a code of its own
inline constexpr int kConfiguration = 2;  ///< unknown option, bad value, unreadable or locked file
inline constexpr int kSocket = 3;         ///< a socket cannot be opened
/// The application cannot be imported, or a worker cannot start; `appd status`: none is ready.
inline constexpr int kStart = 4;
inline constexpr int kCrashes = 5;      ///< processes have died too often (--max-crashes)
inline constexpr int kStuck = 6;        ///< a worker's, of which a thread does not come back
inline constexpr int kMemory = 7;       ///< a worker's that has no memory for its event loop
inline constexpr int kDescriptors = 8;  ///< a process's whose descriptors the application closed

}  // namespace appd::support::exit_code
