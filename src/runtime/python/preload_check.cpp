// Runs preload_check.py and converts its findings.

#include "runtime/python/preload_check.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/python/built_in_code.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/support/application_forks.hpp"

namespace appd::python {
namespace {

PyObject* fork_for_trial(PyObject*, PyObject*) noexcept {
  const support::OwnFork own;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  if (child < 0) return PyErr_SetFromErrno(PyExc_OSError);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Py_NewRef(Py_None);
}

}  // namespace

PreloadCheck::PreloadCheck()
    : code_("preload_check", kPreloadCheckCode),
      sockets_before_(code_.call("open_sockets")),
      watch_(code_.call("Watch")) {}

std::vector<ImportFinding> PreloadCheck::findings() const {
  static PyMethodDef method = {"fork_for_trial", fork_for_trial, METH_NOARGS, nullptr};
  const Ref trial = checked(PyCFunction_New(&method, nullptr));
  const Ref found = code_.call("findings", {sockets_before_.get(), watch_.get(), trial.get()});
  std::vector<ImportFinding> findings;
  for (Py_ssize_t i = 0; i < PyList_Size(found.get()); ++i) {
    PyObject* const finding = PyList_GetItem(found.get(), i);
    findings.push_back({to_utf8(checked(PySequence_GetItem(finding, 1)).get()),
                        checked(PySequence_GetItem(finding, 0)).get() == Py_True});
  }
  return findings;
}

}  // namespace appd::python
