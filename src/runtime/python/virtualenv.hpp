#pragma once

#include <string>

namespace appd::python {

/// The path of a virtual environment's python, which makes CPython take the environment as its own.
/// Throws StartError when `directory` is no virtual environment, or one for another minor version
/// than `version` ("3.11"). A change of the last part of a version is no matter.
std::string virtualenv_executable(const std::string& directory, const std::string& version);

/// What is worth a warning of an environment that can be used: another last part of the version
/// than that of `version` ("3.11.2"). "": nothing, or it cannot be used.
std::string virtualenv_warning(const std::string& directory, const std::string& version);

}  // namespace appd::python
