// Finds or makes the module `appd`.

#include "runtime/python/appd_module.hpp"

#include "runtime/python/built_in_code.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/start_error.hpp"

namespace appd::python {
namespace {

constexpr const char* kName = "appd";

Ref make_module() {
  Ref module = checked(PyModule_New(kName));
  PyObject* const names = PyModule_GetDict(module.get());  // borrowed
  checked(PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()));
  const Ref code = checked(Py_CompileString(kPackageCode, "<appd __init__.py>", Py_file_input));
  checked(PyEval_EvalCode(code.get(), names, names));
  checked(PyDict_SetItemString(PyImport_GetModuleDict(), kName, module.get()));
  return module;
}

Ref find_module() {
  PyObject* const found = PyDict_GetItemString(PyImport_GetModuleDict(), kName);  // borrowed
  return found != nullptr ? Ref::borrow(found) : make_module();
}

}  // namespace

AppdModule::AppdModule() {
  try {
    module_ = find_module();
    request_timeout_ = checked(PyObject_GetAttrString(module_.get(), "RequestTimeout"));
  } catch (const PythonError&) {
    throw StartError("cannot make the module appd: " + take_failure().line);
  }
}

void AppdModule::set_worker(unsigned number) {
  const Ref value = checked(PyLong_FromUnsignedLong(number));
  checked(PyObject_SetAttrString(module_.get(), "_worker_number", value.get()));
}

}  // namespace appd::python
