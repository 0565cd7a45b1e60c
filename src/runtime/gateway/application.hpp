#pragma once

#include <memory>

#include "runtime/gateway/exchange.hpp"

namespace appd::gateway {

/// Gives a pool thread its next exchange.
class ExchangeSource {
 public:
  /// `done` is over (answered, broken off, or its front is gone): the pool thread will not touch it
  /// again. Null: `serve` has just begun. Gives the exchange to run next on this thread, or null:
  /// return from `serve`. Never waits; called with the interpreter held.
  virtual std::shared_ptr<Exchange> next(std::shared_ptr<Exchange> done) noexcept = 0;

 protected:
  ~ExchangeSource() = default;
};

/// What answers requests: the WSGI application, or a test's stand-in.
class Application {
 public:
  virtual ~Application() = default;

  /// Takes the interpreter, which may take long, then runs what `source` gives, until it gives
  /// null. Called on a pool thread without the interpreter. Every exchange is answered or broken
  /// off when it is handed back.
  virtual void serve(ExchangeSource& source) noexcept = 0;

  /// True while something that the loop has let go of (sent body bytes) waits for
  /// `release_leftovers`. Any thread; cheap.
  virtual bool has_leftovers() const noexcept { return false; }
  /// Releases it. On a pool thread, without the interpreter; may take as long as a `serve` to get
  /// it.
  virtual void release_leftovers() noexcept {}
};

}  // namespace appd::gateway
