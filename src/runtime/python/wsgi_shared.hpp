// What the calls of one WSGI application share.
#pragma once

#include <memory>

#include "runtime/gateway/reporter.hpp"
#include "runtime/python/deferred_decrefs.hpp"
#include "runtime/python/live_counters.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// What all calls of one application share. Set once, then read by every pool thread.
struct WsgiShared {
  /// Construct holding the interpreter.
  WsgiShared(Ref callable, Ref request_timeout, bool multithread, bool multiprocess,
             gateway::Reporter& reporter, LiveCounters& live,
             std::shared_ptr<DeferredDecrefs> deferred_decrefs);

  gateway::Reporter& reporter;
  LiveCounters& live;
  const std::shared_ptr<DeferredDecrefs> deferred_decrefs;
  const Ref application;
  const Ref request_timeout;  ///< AppdModule's
  const Ref input_type;
  const Ref start_response_type;
  const Ref file_wrapper_type;
  const Ref base_environ;  ///< the entries of environ that are the same for every request

  // Interned names and constants.
  const Ref wsgi_input;
  const Ref wsgi_url_scheme;
  const Ref client_disconnected;
  const Ref https;
  const Ref close;
};

}  // namespace appd::python
