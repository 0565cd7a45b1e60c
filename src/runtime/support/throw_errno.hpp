// One form for the errors of system calls.
#pragma once

#include <string_view>

namespace appd::support {

/// Throws std::system_error for the current errno. Its text reads "bind /run/app.sock: Permission
/// denied". `call` is the name of the system call, `detail` its argument.
[[noreturn]] void throw_errno(std::string_view call, std::string_view detail = {});

}  // namespace appd::support
