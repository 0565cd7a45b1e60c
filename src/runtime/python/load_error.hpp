// The error of an application that cannot be loaded.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace appd::python {

/// The application cannot be loaded. `what` is one line that names the module and the step.
class LoadError : public std::runtime_error {
 public:
  LoadError(const std::string& line, std::string traceback)
      : std::runtime_error(line), traceback_(std::move(traceback)) {}

  /// Python's traceback, lines ending in "\n"; "" if no Python code failed.
  const std::string& traceback() const noexcept { return traceback_; }

 private:
  std::string traceback_;
};

}  // namespace appd::python
