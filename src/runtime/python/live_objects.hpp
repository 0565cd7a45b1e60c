// How many objects of the bridge are alive.
#pragma once

#include <cstddef>

namespace appd::python {

/// Bridge objects that are alive. All zero after `finalize`, unless something leaks.
struct LiveObjects {
  std::size_t inputs = 0;
  std::size_t responders = 0;
  std::size_t file_wrappers = 0;
  std::size_t kept_bodies = 0;

  std::size_t total() const noexcept { return inputs + responders + file_wrappers + kept_bodies; }
};

}  // namespace appd::python
