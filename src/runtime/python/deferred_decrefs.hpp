// Python references that threads without the interpreter give up.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Takes references from threads that do not hold the interpreter: from the loop, when it has sent
/// body bytes that it kept. A pool thread that holds the interpreter releases them later.
///
/// It holds no more than what the loop was still sending; a request that is answered at once adds
/// nothing. It must outlive the last thread that may drop something, so it is shared.
class DeferredDecrefs {
 public:
  explicit DeferredDecrefs(std::atomic<std::size_t>& live) noexcept : live_(live) {}
  // The interpreter is gone by then, and remaining references with it
  ~DeferredDecrefs() = default;
  DeferredDecrefs(const DeferredDecrefs&) = delete;
  DeferredDecrefs& operator=(const DeferredDecrefs&) = delete;

  /// Takes over one reference. Any thread, with or without the interpreter.
  void defer(PyObject* object) noexcept;

  /// True if there is something to release. Any thread.
  bool any() const noexcept { return any_.load(std::memory_order_relaxed); }
  /// Releases all deferred references. Holding the interpreter. Cheap if there are none.
  void clear() noexcept;

 private:
  friend class BodyKeeper;

  std::atomic<std::size_t>& live_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<PyObject*> deferred_;  // guarded by mutex_
};

/// Keeps the object that owns body bytes alive for the loop. Lives for one `send`; made and
/// destroyed holding the interpreter. `keep` does not need it.
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
