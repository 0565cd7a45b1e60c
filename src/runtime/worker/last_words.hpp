// Reports an uncaught C++ exception before it ends the process.
#pragma once

#include "runtime/gateway/reporter.hpp"

namespace appd::worker {

/// From now on an exception of C++ that nobody catches, in whichever thread, is told in one line
/// before it ends the process: with exit_code::kMemory when memory was lacking, else by SIGABRT.
/// While the process has one thread. `reporter` must outlive all others.
void tell_of_uncaught(gateway::Reporter& reporter) noexcept;

}  // namespace appd::worker
