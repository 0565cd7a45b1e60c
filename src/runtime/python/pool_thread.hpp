// A pool thread's Python side.
#pragma once

#include "runtime/python/gil.hpp"
#include "runtime/python/wsgi_call.hpp"

namespace appd::python {

/// The calling thread as a pool thread: its Python thread state, and the call object that it uses
/// again and again. Made and destroyed on the thread itself, holding the interpreter, which is
/// released in between.
class PoolThread {
 public:
  explicit PoolThread(const WsgiShared& shared);
  ~PoolThread();
  PoolThread(const PoolThread&) = delete;
  PoolThread& operator=(const PoolThread&) = delete;

  /// The calling thread's own; the caller must be a pool thread.
  static PoolThread& current() noexcept;

  PyThreadState* state() const noexcept { return state_; }
  WsgiCall& call() noexcept { return call_; }

 private:
  PyThreadState* const state_;
  WsgiCall call_;
};

}  // namespace appd::python
