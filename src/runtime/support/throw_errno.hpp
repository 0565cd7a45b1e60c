#pragma once

#include <string_view>

namespace appd::support {

/// Throws std::system_error for the current errno. Its text reads "bind /run/app.sock: Permission
/// denied": `call` is the system call's name, `detail` what it was called with.
[[noreturn]] void throw_errno(std::string_view call, std::string_view detail = {});

}  // namespace appd::support
