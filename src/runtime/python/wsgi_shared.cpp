// Makes the types, names and constants that all calls use.

#include "runtime/python/wsgi_shared.hpp"

#include <utility>

#include "runtime/python/environ_builder.hpp"
#include "runtime/python/error_stream.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/file_wrapper.hpp"
#include "runtime/python/input_stream.hpp"
#include "runtime/python/start_response.hpp"
#include "runtime/support/version.hpp"

namespace appd::python {
namespace {

Ref intern(const char* text) {
  return checked(PyUnicode_InternFromString(text));
}

void set(PyObject* dict, const char* key, const Ref& value) {
  checked(PyDict_SetItem(dict, intern(key).get(), value.get()));
}

Ref make_base_environ(bool multithread, bool multiprocess, gateway::Reporter& reporter,
                      const Ref& file_wrapper_type) {
  Ref base = checked(PyDict_New());
  PyObject* const environ = base.get();
  set(environ, "wsgi.version", checked(Py_BuildValue("(ii)", 1, 0)));
  set(environ, "wsgi.url_scheme", intern("http"));
  set(environ, "wsgi.input", none());
  set(environ, "wsgi.errors", ErrorStream::make(reporter));
  set(environ, "wsgi.multithread", checked(PyBool_FromLong(multithread)));
  set(environ, "wsgi.multiprocess", checked(PyBool_FromLong(multiprocess)));
  set(environ, "wsgi.run_once", checked(PyBool_FromLong(0)));
  set(environ, "wsgi.file_wrapper", Ref::borrow(file_wrapper_type.get()));
  set(environ, "appd.version", checked(PyUnicode_FromString(APPD_VERSION)));
  set(environ, "appd.client_disconnected", none());
  EnvironBuilder::reserve(environ);
  return base;
}

}  // namespace

WsgiShared::WsgiShared(Ref callable, Ref timeout, bool multithread, bool multiprocess,
                       gateway::Reporter& reports, LiveCounters& counters,
                       std::shared_ptr<DeferredDecrefs> graves)
    : reporter(reports),
      live(counters),
      deferred_decrefs(std::move(graves)),
      application(std::move(callable)),
      request_timeout(std::move(timeout)),
      input_type(InputStream::make_type()),
      start_response_type(StartResponse::make_type()),
      file_wrapper_type(FileWrapper::make_type(counters)),
      base_environ(make_base_environ(multithread, multiprocess, reports, file_wrapper_type)),
      wsgi_input(intern("wsgi.input")),
      wsgi_url_scheme(intern("wsgi.url_scheme")),
      client_disconnected(intern("appd.client_disconnected")),
      https(intern("https")),
      close(intern("close")) {}

}  // namespace appd::python
