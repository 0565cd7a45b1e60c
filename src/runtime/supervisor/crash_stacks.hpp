// Prepares the Python stacks of a crashed process for the log.
#pragma once

#include <string>
#include <string_view>

namespace appd::supervisor {

/// Makes what faulthandler wrote while a process died fit for a log. First comes the thread that
/// the signal came to, then the names of extension modules, then the C functions that the thread
/// was in, then the other threads. Empty lines go, and of too many lines the first ones stay. Pure.
std::string arrange_stacks(std::string_view dump);

}  // namespace appd::supervisor
