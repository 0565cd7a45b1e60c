#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Where references end that were dropped by a thread without the interpreter: the loop, when it
/// has sent body bytes that it kept. A pool thread that holds the interpreter releases them later.
///
/// It holds at most what the loop was still sending; nothing is added by a request that is answered
/// at once. Must not die before the last thread that may drop something: shared.
class DeferredDecrefs {
 public:
  explicit DeferredDecrefs(std::atomic<std::size_t>& live) noexcept : live_(live) {}
  ~DeferredDecrefs() = default;  // by then the interpreter is gone, and what is left with it
  DeferredDecrefs(const DeferredDecrefs&) = delete;
  DeferredDecrefs& operator=(const DeferredDecrefs&) = delete;

  /// Takes over one reference. Any thread, with or without the interpreter.
  void defer(PyObject* object) noexcept;

  /// True when there is something to release. Any thread.
  bool any() const noexcept { return any_.load(std::memory_order_relaxed); }
  /// Releases what was deferred. Holding the interpreter. Cheap when there is nothing.
  void clear() noexcept;

 private:
  friend class BodyKeeper;

  std::atomic<std::size_t>& live_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<PyObject*> deferred_;  // guarded by mutex_
};

/// Keeps the object that body bytes belong to alive for the loop. Lives for one `send`, made and
/// destroyed holding the interpreter; `keep` itself needs it not.
class BodyKeeper final : public gateway::Keeper {
 public:
  BodyKeeper(const std::shared_ptr<DeferredDecrefs>& deferred_decrefs, PyObject* owner) noexcept
      : deferred_decrefs_(deferred_decrefs), owner_(Ref::borrow(owner)) {}

  std::shared_ptr<const void> keep() override;

 private:
  const std::shared_ptr<DeferredDecrefs>& deferred_decrefs_;
  Ref owner_;
};

}  // namespace appd::python
