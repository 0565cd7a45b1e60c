// One form for the errors of system calls.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

namespace appd::support {

/// Throws std::system_error for the current errno. Its text reads "bind /run/app.sock: Permission
/// denied". `call` is the name of the system call, `detail` its argument.
[[noreturn]] void throw_errno(std::string_view call, std::string_view detail = {});

/// Throws std::system_error with a sentence of the caller's: "cannot bind /run/app.sock: Permission
/// denied".
[[noreturn]] void throw_error(const std::string& what, int error = errno);

}  // namespace appd::support
