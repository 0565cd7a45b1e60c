// The options that a worker's parts get from the settings.
#pragma once

#include "runtime/config/settings.hpp"
#include "runtime/net/server_options.hpp"
#include "runtime/net/warm_up.hpp"
#include "runtime/pool/deadline_watch.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::worker {

net::ServerOptions make_server_options(const config::Settings& settings,
                                       const sockets::Admission& admission,
                                       net::SpoolQuota* spool_quota);
net::WarmUps make_warm_ups(const config::Settings& settings);
pool::DeadlineLimits make_deadline_limits(const config::Settings& settings);
python::PythonOptions make_python_options(const config::Settings& settings,
                                          int crash_descriptor = -1);

}  // namespace appd::worker
