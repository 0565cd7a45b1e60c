// Replaces the write methods of sys.stdout and sys.stderr by counting ones.

#include "runtime/python/console_writes.hpp"

#include <atomic>

#include "runtime/python/errors.hpp"

namespace appd::python {
namespace {

std::atomic<std::uint64_t> writes{0};

PyObject* write_slot(PyObject* original, PyObject* text) noexcept {
  count_console_write();
  return PyObject_CallOneArg(original, text);
}

PyMethodDef write_method = {"write", write_slot, METH_O, nullptr};

/// Set on the instance, so that code which already has the stream, such as a logging handler, uses
/// it.
void watch(const char* name) {
  PyObject* const stream = PySys_GetObject(name);  // borrowed
  if (stream == nullptr || stream == Py_None) return;
  const Ref original = checked(PyObject_GetAttrString(stream, "write"));
  const Ref counting = checked(PyCFunction_New(&write_method, original.get()));
  checked(PyObject_SetAttrString(stream, "write", counting.get()));
}

}  // namespace

void watch_console() noexcept {
  for (const char* const name : {"stdout", "stderr"}) {
    try {
      watch(name);
    } catch (const PythonError&) {
      PyErr_Clear();  // the application has put something else there
    }
  }
}

void count_console_write() noexcept {
  writes.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t console_writes() noexcept {
  return writes.load(std::memory_order_relaxed);
}

}  // namespace appd::python
