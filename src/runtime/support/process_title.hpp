#pragma once

#include <string_view>

namespace appd::support {

/// Copies the arguments and the environment, so that `set_process_title` has the memory in which
/// the kernel put them. Gives the copy, which ends with null and lives as long as the process. In
/// main, before anything keeps a pointer to one of them.
char** keep_arguments(int argc, char** argv);

/// What ps(1) and /proc/PID/cmdline show instead of the arguments, cut to the memory that these
/// and the environment had. The name of the process (/proc/PID/comm) stays. Without
/// `keep_arguments` before, nothing.
void set_process_title(std::string_view title) noexcept;

}  // namespace appd::support
