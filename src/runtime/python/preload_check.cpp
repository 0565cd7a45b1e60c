#include "runtime/python/preload_check.hpp"

#include "runtime/python/errors.hpp"
#include "runtime/python/preload_check_code.hpp"

namespace appd::python {
namespace {

Ref run_code() {
  const Ref code =
      checked(Py_CompileString(kPreloadCheckCode, "<appd preload_check.py>", Py_file_input));
  Ref names = checked(PyDict_New());
  const Ref name = checked(PyUnicode_FromString("appd.preload_check"));
  checked(PyDict_SetItemString(names.get(), "__name__", name.get()));
  checked(PyDict_SetItemString(names.get(), "__builtins__", PyEval_GetBuiltins()));
  checked(PyEval_EvalCode(code.get(), names.get(), names.get()));
  return names;
}

PyObject* function(const Ref& names, const char* name) {
  return PyDict_GetItemString(names.get(), name);  // borrowed
}

}  // namespace

PreloadCheck::PreloadCheck()
    : names_(run_code()),
      sockets_before_(checked(PyObject_CallNoArgs(function(names_, "open_sockets")))) {}

std::vector<std::string> PreloadCheck::findings() const {
  const Ref found =
      checked(PyObject_CallOneArg(function(names_, "findings"), sockets_before_.get()));
  std::vector<std::string> sentences;
  for (Py_ssize_t i = 0; i < PyList_Size(found.get()); ++i) {
    sentences.push_back(to_utf8(PyList_GetItem(found.get(), i)));
  }
  return sentences;
}

}  // namespace appd::python
