// What `appd dev` does in a worker; the parts that are Python are in development/.
#pragma once

#include <string>

#include "runtime/python/load_error.hpp"
#include "runtime/python/python_options.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Puts error pages and Django's static files around an application, and tells the master which
/// folders to watch. Made and used holding the interpreter. All members throw PythonError.
class Development {
 public:
  /// To be made before the application is imported.
  explicit Development(const DevelopmentOptions& options);

  /// Returns what serves instead of the application.
  Ref wrap(PyObject* application) const;
  /// Notes the failure for the worker that serves. Returns an application that shows it, or null
  /// if the load has to fail: another worker serves, or no code of the application has
  /// failed: its name is misspelt.
  Ref take_failure(const LoadError& failure) const;

 private:
  void open_browser() const;

  const DevelopmentOptions options_;
  Ref module_;
  Ref object_;
};

/// The same as `load_application` of app_loader.hpp, for a server of one developer. Throws
/// LoadError, PythonError.
Ref load_application(const std::string& text, const DevelopmentOptions& options);

}  // namespace appd::python
