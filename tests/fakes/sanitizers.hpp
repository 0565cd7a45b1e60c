// Tells tests whether ThreadSanitizer is on.
#pragma once

namespace appd::test {

/// ThreadSanitizer has a thread of its own in each process. Tests that look at all threads find it
/// there.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

}  // namespace appd::test
