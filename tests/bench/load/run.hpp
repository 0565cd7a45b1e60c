// One run of the load generator.
#pragma once

#include <stdexcept>

#include "bench/load/figures.hpp"
#include "bench/load/options.hpp"

namespace appd::load {

/// The run says nothing about the server's speed: a response was wrong or missing, or a figure
/// could not be had.
struct InvalidRun : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Warms up, opens the idle connections, and measures. Throws InvalidRun.
Report run(const Options& options);

}  // namespace appd::load
