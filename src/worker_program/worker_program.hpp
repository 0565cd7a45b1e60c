// What a worker program does, whichever way Python comes into its process.
#pragma once

#include <functional>

namespace appd {

/// The whole life of the process, which its master has executed. `start_file` is the descriptor of
/// what the master has handed over (launch/worker_start.hpp). `start_python` is called once and may
/// throw std::exception; after it this thread, the process's first, holds Python's interpreter.
/// Ends the process.
[[noreturn]] void run_worker_program(int start_file,
                                     const std::function<void()>& start_python) noexcept;

}  // namespace appd
