// Virtual environments: where their python is, and whether they fit.
#pragma once

#include <string>

namespace appd::python {

/// The path of a virtual environment's python, which makes CPython use that environment. Throws
/// StartError if `directory` is not a virtual environment, or is one for another minor version than
/// `version` ("3.11"). Differences in the last part of a version do not matter.
std::string virtualenv_executable(const std::string& directory, const std::string& version);

/// A warning about a usable environment: the last part of its version differs from that of
/// `version` ("3.11.2"). "" if there is nothing to say, or the environment cannot be used.
std::string virtualenv_warning(const std::string& directory, const std::string& version);

}  // namespace appd::python
