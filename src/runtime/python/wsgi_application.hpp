// The WSGI application behind the interface that the wire side knows.
#pragma once

#include <memory>

#include "runtime/gateway/application.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/python/deferred_decrefs.hpp"
#include "runtime/python/live_counters.hpp"
#include "runtime/python/ref.hpp"
#include "runtime/python/wsgi_shared.hpp"

namespace appd::python {

/// A WSGI callable as the server's application. Serves on threads that have a `PoolThread`.
class WsgiApplication final : public gateway::Application {
 public:
  /// Made and destroyed holding the interpreter. All references must outlive it.
  WsgiApplication(Ref callable, Ref request_timeout, bool multithread, bool multiprocess,
                  gateway::Reporter& reporter, LiveCounters& live,
                  std::shared_ptr<DeferredDecrefs> deferred_decrefs)
      : shared_(std::move(callable), std::move(request_timeout), multithread, multiprocess,
                reporter, live, std::move(deferred_decrefs)) {}

  void serve(gateway::ExchangeSource& source) noexcept override;
  bool has_leftovers() const noexcept override { return shared_.deferred_decrefs->any(); }
  void release_leftovers() noexcept override;

  const WsgiShared& shared() const noexcept { return shared_; }

 private:
  WsgiShared shared_;
};

}  // namespace appd::python
