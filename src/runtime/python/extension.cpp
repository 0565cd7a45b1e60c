// Makes the module and its function.

#include "runtime/python/extension.hpp"

#include "runtime/python/python_compat.hpp"

namespace appd::python {
namespace {

void (*run_program)(int start_file) = nullptr;  // a function of a module has no other way to it

PyObject* run(PyObject*, PyObject* start_file) noexcept {
  const long number = PyLong_AsLong(start_file);
  if (number == -1 && PyErr_Occurred() != nullptr) return nullptr;
  run_program(static_cast<int>(number));
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"run", run, METH_O, "Becomes a worker of the appd that has executed this Python."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "appd._worker",
                          "The worker of appd. Its master runs it.",
                          -1,
                          functions,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

void* make_extension(void (*run)(int start_file)) {
  run_program = run;
  return PyModule_Create(&definition);
}

}  // namespace appd::python
