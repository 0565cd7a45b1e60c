// The error of an interpreter that cannot start.
#pragma once

#include <stdexcept>

namespace appd::python {

/// The interpreter cannot start, or a pool thread cannot be made. `what` is one readable line.
class StartError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace appd::python
