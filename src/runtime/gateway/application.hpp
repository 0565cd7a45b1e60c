// The application as the wire side sees it: something that serves exchanges.
#pragma once

#include <memory>

#include "runtime/gateway/exchange.hpp"

namespace appd::gateway {

/// Gives a pool thread its next exchange.
class ExchangeSource {
 public:
  /// `done` is over (answered, broken off, or its front is gone), and the pool thread will not
  /// touch it again. It is null when `serve` has just begun. Returns the exchange to run next on
  /// this thread; null means return from `serve`. Never waits. Called with the interpreter held.
  virtual std::shared_ptr<Exchange> next(std::shared_ptr<Exchange> done) noexcept = 0;

 protected:
  ~ExchangeSource() = default;
};

/// Answers requests: the WSGI application, or a stand-in in tests.
class Application {
 public:
  virtual ~Application() = default;

  /// Takes the interpreter, which may take long. Then runs the exchanges of `source` until that
  /// gives null. Called on a pool thread without the interpreter. Every exchange is answered or
  /// broken off before it is handed back.
  virtual void serve(ExchangeSource& source) noexcept = 0;

  /// True while objects that the loop no longer needs (sent body bytes) wait for
  /// `release_leftovers`. Any thread; cheap.
  virtual bool has_leftovers() const noexcept { return false; }
  /// Releases them. On a pool thread, without the interpreter; to get it may take as long as in
  /// `serve`.
  virtual void release_leftovers() noexcept {}
};

}  // namespace appd::gateway
