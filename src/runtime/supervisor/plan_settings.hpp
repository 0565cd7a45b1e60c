// Translates settings into a generation's plan.
#pragma once

#include "runtime/config/settings.hpp"
#include "runtime/supervisor/generation_plan.hpp"

namespace appd::supervisor {

/// How many slots a generation has: more than workers, so that a replacement is ready before a
/// worker goes.
unsigned places(const config::Settings& settings) noexcept;

/// What the configuration says of a generation.
GenerationPlan make_plan(const config::Settings& settings);

/// What it says of workers that another program has started, by its own configuration. Only the
/// times that they may take come from the present one.
GenerationPlan make_inherited_plan(const config::Settings& settings);

}  // namespace appd::supervisor
