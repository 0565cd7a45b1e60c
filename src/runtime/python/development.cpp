// Makes modules of the built-in Python files, and calls them.

#include "runtime/python/development.hpp"

#include <fmt/format.h>

#include "runtime/python/app_loader.hpp"
#include "runtime/python/built_in_code.hpp"
#include "runtime/python/errors.hpp"

namespace appd::python {
namespace {

Ref make_module(const std::string& name, const char* code) {
  const std::string file = "<appd " + name + ".py>";
  const Ref compiled = checked(Py_CompileString(code, file.c_str(), Py_file_input));
  return checked(
      PyImport_ExecCodeModuleEx(("appd._" + name).c_str(), compiled.get(), file.c_str()));
}

}  // namespace

Development::Development(const DevelopmentOptions& options) : options_(options) {
  make_module("reports", kReportsCode);
  make_module("error_page", kErrorPageCode);
  module_ = make_module("development", kDevelopmentCode);
  object_ = checked(PyObject_CallMethod(module_.get(), "Development", "iiOO", options.failure,
                                        options.reports, options.pages ? Py_True : Py_False,
                                        options.stands_in ? Py_True : Py_False));
  checked(PyObject_CallMethod(object_.get(), "prepare", nullptr));
}

Ref Development::wrap(PyObject* application) const {
  Ref wrapped = checked(PyObject_CallMethod(object_.get(), "wrap", "O", application));
  open_browser();
  return wrapped;
}

Ref Development::take_failure(const LoadError& failure) const {
  const std::string text = fmt::format("{}\n{}", failure.what(), failure.traceback());
  Ref stand_in = checked(PyObject_CallMethod(object_.get(), "fail", "s", text.c_str()));
  if (stand_in.get() == Py_None) return {};
  open_browser();
  return stand_in;
}

void Development::open_browser() const {
  if (options_.open_url.empty()) return;
  checked(PyObject_CallMethod(module_.get(), "open_browser", "s", options_.open_url.c_str()));
}

namespace {

/// What fails in the parts that are put around it is the application's, too: its settings, say.
Ref load_wrapped(const std::string& text, const Development& development) {
  const Ref application = load_application(text);
  try {
    return development.wrap(application.get());
  } catch (const PythonError&) {
    Failure failure = take_failure();
    throw LoadError(text + ": " + failure.line, std::move(failure.traceback));
  }
}

}  // namespace

Ref load_application(const std::string& text, const DevelopmentOptions& options) {
  const Development development(options);
  try {
    return load_wrapped(text, development);
  } catch (const LoadError& error) {
    Ref stand_in = development.take_failure(error);
    if (!stand_in) throw;
    return stand_in;
  }
}

}  // namespace appd::python
