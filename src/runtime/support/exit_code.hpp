// Exit codes of appd's processes.
#pragma once

namespace appd::support::exit_code {

inline constexpr int kOk = 0;
inline constexpr int kFailure = 1;        ///< anything without a code of its own
inline constexpr int kConfiguration = 2;  ///< unknown option, bad value, unreadable or locked file
inline constexpr int kSocket = 3;         ///< a socket cannot be opened
/// The application cannot be imported, or a worker cannot start. Of `appd status`: no worker is
/// ready.
inline constexpr int kStart = 4;
inline constexpr int kCrashes = 5;  ///< too many processes died (--max-crashes)
inline constexpr int kStuck = 6;    ///< of a worker: one of its threads does not return
inline constexpr int kMemory = 7;   ///< of a worker: no memory for its event loop
/// Of any process: the application closed appd's descriptors.
inline constexpr int kDescriptors = 8;

}  // namespace appd::support::exit_code
