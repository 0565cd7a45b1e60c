// Lists the threads for which `threading` waits.

#include "runtime/python/lasting_threads.hpp"

#include <algorithm>

#include "runtime/python/errors.hpp"

namespace appd::python {
namespace {

Ref call(const Ref& object, const char* name) {
  return checked(PyObject_CallMethod(object.get(), name, nullptr));
}

std::string line_of(PyObject* name) {
  std::string line = to_utf8(checked(PyObject_Str(name)).get());
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

std::vector<LastingThread> lasting_threads() {
  const Ref module = checked(PyImport_ImportModule("threading"));
  const Ref main = call(module, "main_thread");
  const Ref alive = call(module, "enumerate");
  std::vector<LastingThread> threads;
  for (Py_ssize_t i = 0; i < PyList_Size(alive.get()); ++i) {
    PyObject* const thread = PyList_GetItem(alive.get(), i);  // borrowed
    const Ref daemon = checked(PyObject_GetAttrString(thread, "daemon"));
    if (thread == main.get() || daemon.get() == Py_True) continue;
    const Ref number = checked(PyObject_GetAttrString(thread, "ident"));
    const Ref name = checked(PyObject_GetAttrString(thread, "name"));
    threads.push_back({PyLong_AsUnsignedLongMask(number.get()), line_of(name.get())});
    if (PyErr_Occurred() != nullptr) throw PythonError();
  }
  return threads;
}

}  // namespace appd::python
