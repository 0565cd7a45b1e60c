// Prepares the Python stacks of a crashed process for the log.
#pragma once

#include <string>
#include <string_view>

namespace appd::supervisor {

/// What faulthandler has written while a process died, made fit for a log: without empty lines, the
/// thread that the signal came to first, then the names of extension modules, then the other
/// threads; of too many lines only the first. Pure.
std::string arrange_stacks(std::string_view dump);

}  // namespace appd::supervisor
