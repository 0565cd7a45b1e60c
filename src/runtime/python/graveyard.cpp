#include "runtime/python/graveyard.hpp"

#include <utility>

namespace appd::python {

void Graveyard::bury(PyObject* object) noexcept {
  const std::lock_guard lock(mutex_);
  buried_.push_back(object);
  occupied_.store(true, std::memory_order_release);
}

void Graveyard::clear() noexcept {
  if (!occupied_.load(std::memory_order_acquire)) return;
  std::vector<PyObject*> buried;
  {
    const std::lock_guard lock(mutex_);
    buried.swap(buried_);
    occupied_.store(false, std::memory_order_relaxed);
  }
  live_.fetch_sub(buried.size(), std::memory_order_relaxed);
  for (PyObject* object : buried) Py_DECREF(object);  // may run Python code: not under the mutex
}

std::shared_ptr<const void> BodyKeeper::keep() {
  // Ownership moves, the count stays: no interpreter needed.
  std::shared_ptr<const void> kept(owner_.get(), [graveyard = graveyard_](const void* object) {
    graveyard->bury(static_cast<PyObject*>(const_cast<void*>(object)));
  });
  static_cast<void>(owner_.release());
  graveyard_->live_.fetch_add(1, std::memory_order_relaxed);
  return kept;
}

}  // namespace appd::python
