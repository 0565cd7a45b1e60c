// Reports an uncaught C++ exception before it ends the process.
#pragma once

#include "runtime/gateway/reporter.hpp"

namespace appd::worker {

/// From now on, one line reports a C++ exception that no thread catches, before it ends the
/// process: with exit_code::kMemory if memory was lacking, else by SIGABRT. Call it while the
/// process has one thread. `reporter` must outlive all others.
void tell_of_uncaught(gateway::Reporter& reporter) noexcept;

}  // namespace appd::worker
