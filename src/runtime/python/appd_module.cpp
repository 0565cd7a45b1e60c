// Makes the module `appd` and its exception RequestTimeout.

#include "runtime/python/appd_module.hpp"

#include "runtime/python/errors.hpp"
#include "runtime/python/start_error.hpp"

namespace appd::python {
namespace {

constexpr const char* kModuleDoc = "What an application shares with appd, which runs it.";
constexpr const char* kTimeoutDoc =
    "The request has made no progress for --request-timeout. Raised in its thread, wherever that "
    "is. Unless it is caught, the call ends with a 504.";

}  // namespace

AppdModule::AppdModule() {
  try {
    request_timeout_ = checked(PyErr_NewExceptionWithDoc("appd.RequestTimeout", kTimeoutDoc,
                                                         PyExc_BaseException, nullptr));
    const Ref module = checked(PyModule_New("appd"));
    checked(PyModule_SetDocString(module.get(), kModuleDoc));
    checked(PyModule_AddObjectRef(module.get(), "RequestTimeout", request_timeout_.get()));
    checked(PyModule_AddStringConstant(module.get(), "__version__", APPD_VERSION));
    checked(PyDict_SetItemString(PyImport_GetModuleDict(), "appd", module.get()));
  } catch (const PythonError&) {
    throw StartError("cannot make the module appd: " + take_failure().line);
  }
}

}  // namespace appd::python
