// How many CPUs' worth of time the control groups of this process grant.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace appd::support {

/// Gives the text of a file; std::nullopt if it cannot be read.
using ReadText = std::function<std::optional<std::string>(const std::string& path)>;

/// The least quota of time of this process's control group and those above it, in CPUs, rounded up.
/// std::nullopt if none has a quota, or none can be seen from here. It knows version 2 (cpu.max)
/// and version 1 (cpu.cfs_quota_us, cpu.cfs_period_us). /proc/self/mountinfo says where they are
/// mounted: a container sees its own group in the place of the root. Pure: reads by `read` alone.
std::optional<unsigned> quota_in_cpus(const ReadText& read);

}  // namespace appd::support
