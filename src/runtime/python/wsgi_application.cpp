// Serves exchanges on a pool thread with the WSGI callable.

#include "runtime/python/wsgi_application.hpp"

#include <utility>

#include "runtime/python/gil.hpp"
#include "runtime/python/pool_thread.hpp"

namespace appd::python {

void WsgiApplication::serve(gateway::ExchangeSource& source) noexcept {
  PoolThread& thread = PoolThread::current();
  const GilGuard held(thread.state());
  std::shared_ptr<gateway::Exchange> exchange;
  while ((exchange = source.next(std::move(exchange)))) thread.call().run(*exchange);
}

void WsgiApplication::release_leftovers() noexcept {
  const GilGuard held(PoolThread::current().state());
  shared_.deferred_decrefs->clear();
}

}  // namespace appd::python
