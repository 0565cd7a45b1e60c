// Has the application answer --warmup.
#pragma once

#include "runtime/config/settings.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/net/server.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::worker {

/// Sends the requests of --warmup to a server whose threads already run. Throws as `warm_up` does.
/// Call it with the interpreter, which it releases to the threads meanwhile.
void serve_warm_ups(const config::Settings& settings, python::PythonRuntime& python,
                    net::EventLoop& loop, net::Server& server, gateway::Reporter& reporter);

/// The same with threads and a server of its own, which are gone when it returns. Call it after
/// `load_application`.
void rehearse(const config::Settings& settings, python::PythonRuntime& python,
              gateway::Reporter& reporter);

}  // namespace appd::worker
