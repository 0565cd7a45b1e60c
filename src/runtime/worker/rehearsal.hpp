// Has the application answer --warmup.
#pragma once

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/net/server.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::worker {

/// Has a server whose threads run already answer --warmup. Throws as `warm_up` does. Holding the
/// interpreter, which the threads have meanwhile.
void serve_warm_ups(const config::Settings& settings, python::PythonRuntime& python,
                    net::EventLoop& loop, net::Server& server, gateway::Reporter& reporter);

/// The same with threads and a server for this alone, which are gone when it returns. After
/// `load_application`.
void rehearse(const config::Settings& settings, python::PythonRuntime& python,
              gateway::Reporter& reporter);

}  // namespace appd::worker
