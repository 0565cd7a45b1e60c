// Directory, variables and options of a worker's process.
#pragma once

#include "runtime/config/settings.hpp"
#include "runtime/net/server_options.hpp"
#include "runtime/net/warm_up.hpp"
#include "runtime/pool/deadline_watch.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::worker {

/// Enters --chdir and sets --env for this process. Throws a std::system_error that names the
/// directory.
void enter_environment(const config::Settings& settings);

/// --spool-dir as an absolute path, from the working directory at the start and --chdir.
std::string spool_folder(const config::Settings& settings);

net::ServerOptions make_server_options(const config::Settings& settings,
                                       const sockets::Admission& admission,
                                       net::SpoolQuota* spool_quota);
net::WarmUps make_warm_ups(const config::Settings& settings);
pool::DeadlineLimits make_deadline_limits(const config::Settings& settings);
python::PythonOptions make_python_options(const config::Settings& settings,
                                          int crash_descriptor = -1);

}  // namespace appd::worker
