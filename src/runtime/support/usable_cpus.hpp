// How many CPUs this process may use.
#pragma once

namespace appd::support {

/// The CPUs that this process may run on (its affinity), but no more than its control groups grant
/// time for (see quota_in_cpus). At least 1. Both may change while the process runs.
unsigned usable_cpus();

}  // namespace appd::support
