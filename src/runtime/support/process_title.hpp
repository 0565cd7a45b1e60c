// The title that ps shows for a process.
#pragma once

#include <string_view>

namespace appd::support {

/// Copies the arguments and the environment, so that `set_process_title` may overwrite the memory
/// in which the kernel put them. Returns the copied arguments; the array ends with null and is
/// never freed. Call it in main, before anything keeps a pointer to an argument or variable.
char** keep_arguments(int argc, char** argv);

/// The same in a program whose main function is another's, such as an interpreter. It must keep no
/// pointer to its arguments. Call it while the process has one thread.
void keep_environment();

/// Sets what ps(1) and /proc/PID/cmdline show instead of the arguments, cut to the memory that
/// arguments and environment had. The process's name (/proc/PID/comm) stays. Does nothing unless
/// one of those was called.
void set_process_title(std::string_view title) noexcept;

}  // namespace appd::support
