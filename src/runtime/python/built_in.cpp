// Compiles and runs built-in Python code in a namespace of its own.

#include "runtime/python/built_in.hpp"

#include <string>

#include "runtime/python/errors.hpp"

namespace appd::python {

BuiltIn::BuiltIn(const char* name, const char* code) : names_(checked(PyDict_New())) {
  const std::string file = std::string("<appd ") + name + ".py>";
  const Ref compiled = checked(Py_CompileString(code, file.c_str(), Py_file_input));
  const Ref module = checked(PyUnicode_FromString((std::string("appd.") + name).c_str()));
  checked(PyDict_SetItemString(names_.get(), "__name__", module.get()));
  checked(PyDict_SetItemString(names_.get(), "__builtins__", PyEval_GetBuiltins()));
  checked(PyEval_EvalCode(compiled.get(), names_.get(), names_.get()));
}

Ref BuiltIn::call(const char* name, std::initializer_list<PyObject*> arguments) const {
  return checked(PyObject_Vectorcall(function(name), arguments.begin(), arguments.size(), nullptr));
}

PyObject* BuiltIn::function(const char* name) const {
  return PyDict_GetItemString(names_.get(), name);  // borrowed
}

}  // namespace appd::python
