// Collects references under a mutex and releases them with the interpreter held.

#include "runtime/python/deferred_decrefs.hpp"

#include <utility>

namespace appd::python {

void DeferredDecrefs::defer(PyObject* object) noexcept {
  const std::lock_guard lock(mutex_);
  deferred_.push_back(object);
  any_.store(true, std::memory_order_release);
}

void DeferredDecrefs::clear() noexcept {
  if (!any_.load(std::memory_order_acquire)) return;
  std::vector<PyObject*> released;
  {
    const std::lock_guard lock(mutex_);
    released.swap(deferred_);
    any_.store(false, std::memory_order_relaxed);
  }
  live_.fetch_sub(released.size(), std::memory_order_relaxed);
  // May run Python code, so not under the mutex
  for (PyObject* object : released) Py_DECREF(object);
}

std::shared_ptr<const void> BodyKeeper::keep() {
  // Ownership moves and the count stays, so no interpreter is needed.
  std::shared_ptr<const void> kept(
      owner_.get(), [deferred_decrefs = deferred_decrefs_](const void* object) {
        deferred_decrefs->defer(static_cast<PyObject*>(const_cast<void*>(object)));
      });
  static_cast<void>(owner_.release());
  deferred_decrefs_->live_.fetch_add(1, std::memory_order_relaxed);
  return kept;
}

}  // namespace appd::python
