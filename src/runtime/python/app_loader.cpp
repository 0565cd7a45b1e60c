// Imports a module or file, finds the callable in it, and explains what is wrong with it.

#include "runtime/python/app_loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>

#include "runtime/python/application_name.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/import_hints.hpp"
#include "runtime/python/load_error.hpp"

namespace appd::python {
namespace {

constexpr std::array kUsualNames = {"application", "app"};

/// Throws with the pending exception as the reason why `step` failed.
[[noreturn]] void fail(const std::string& step) {
  Failure failure = take_failure();
  throw LoadError(step + ": " + failure.line, std::move(failure.traceback));
}

/// Runs one step of loading. `step` says what could not be done if it fails.
template <typename Body>
auto in_step(const std::string& step, Body body) {
  try {
    return body();
  } catch (const PythonError&) {
    fail(step);
  }
}

std::string working_directory() {
  std::error_code ignored;
  return std::filesystem::current_path(ignored);
}

/// The same for an import, with a hint at the likely cause.
[[noreturn]] void fail_import(const ApplicationName& name, std::string step) {
  const Ref exception = Ref::steal(compat::take_raised());
  const bool not_found =
      PyErr_GivenExceptionMatches(exception.get(), PyExc_ModuleNotFoundError) != 0;
  if (not_found && !name.is_file)
    step += fmt::format(" (working directory {})", working_directory());
  Failure failure = describe(exception.get());
  throw LoadError(step + ": " + failure.line + import_hint(name, exception.get()),
                  std::move(failure.traceback));
}

Ref import_module(const ApplicationName& name) {
  Ref module = Ref::steal(PyImport_ImportModule(name.module.c_str()));
  if (module) return module;
  fail_import(name, fmt::format("cannot import module '{}'", name.module));
}

/// The name of a file's module: the file's name, unless another module has it.
std::string module_name_for(const std::filesystem::path& path) {
  std::string name = path.stem();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-' || c == ' '; }, '_');
  const Ref text = checked(PyUnicode_FromString(name.c_str()));
  const bool taken = checked(PyDict_Contains(PyImport_GetModuleDict(), text.get())) != 0;
  return taken ? "appd_application_" + name : name;
}

Ref execute_file(const std::filesystem::path& path) {
  const std::string name = module_name_for(path);
  const Ref directory = checked(PyUnicode_DecodeFSDefault(path.parent_path().c_str()));
  checked(PyList_Insert(PySys_GetObject("path"), 0, directory.get()));
  const Ref machinery = checked(PyImport_ImportModule("importlib.machinery"));
  const Ref util = checked(PyImport_ImportModule("importlib.util"));
  const Ref file = checked(PyUnicode_DecodeFSDefault(path.c_str()));
  const Ref loader = checked(
      PyObject_CallMethod(machinery.get(), "SourceFileLoader", "sO", name.c_str(), file.get()));
  const Ref spec = checked(
      PyObject_CallMethod(util.get(), "spec_from_loader", "sO", name.c_str(), loader.get()));
  Ref module = checked(PyObject_CallMethod(util.get(), "module_from_spec", "O", spec.get()));
  checked(PyDict_SetItemString(PyImport_GetModuleDict(), name.c_str(), module.get()));
  checked(PyObject_CallMethod(loader.get(), "exec_module", "O", module.get()));
  return module;
}

Ref import_file(const ApplicationName& name) {
  const auto path = std::filesystem::absolute(name.module);
  try {
    return execute_file(path);
  } catch (const PythonError&) {
    fail_import(name, fmt::format("cannot load file '{}'", path.string()));
  }
}

/// Names in `object` that `wanted` may stand for, as the end of a message; "" if none is near.
std::string suggest(PyObject* object, const std::string& wanted) {
  const Ref names = checked(PyObject_Dir(object));
  const Ref difflib = checked(PyImport_ImportModule("difflib"));
  const Ref near = checked(
      PyObject_CallMethod(difflib.get(), "get_close_matches", "sO", wanted.c_str(), names.get()));
  if (PyList_GET_SIZE(near.get()) == 0) return {};
  const Ref separator = checked(PyUnicode_FromString("' or '"));
  const Ref joined = checked(PyUnicode_Join(separator.get(), near.get()));
  return fmt::format("; did you mean '{}'?", to_utf8(joined.get()));
}

Ref attribute_of(const ApplicationName& name, PyObject* object, const std::string& attribute) {
  const std::string step =
      fmt::format("{}: '{}' has no attribute '{}'", name.text, name.module, attribute);
  Ref found = Ref::steal(PyObject_GetAttrString(object, attribute.c_str()));
  if (found) return found;
  if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0)
    fail(fmt::format("{}: cannot get attribute '{}'", name.text, attribute));
  PyErr_Clear();
  throw LoadError(step + in_step(step, [&] { return suggest(object, attribute); }), "");
}

Ref find_usual(const ApplicationName& name, PyObject* module) {
  for (const char* usual : kUsualNames) {
    const Ref key = checked(PyUnicode_FromString(usual));
    if (Ref found = Ref::steal(compat::optional_attribute(module, key.get()))) return found;
    if (PyErr_Occurred() != nullptr) throw PythonError();
  }
  throw LoadError(
      fmt::format("{}: '{}' has neither 'application' nor 'app'; name the callable: {}:…",
                  name.text, name.module, name.text),
      "");
}

Ref find_object(const ApplicationName& name, Ref module) {
  if (name.object.empty())
    return in_step(name.text, [&] { return find_usual(name, module.get()); });
  Ref object = std::move(module);
  for (const std::string& attribute : name.object)
    object = attribute_of(name, object.get(), attribute);
  return object;
}

void require_callable(const ApplicationName& name, PyObject* object, const char* what) {
  if (PyCallable_Check(object) != 0) return;
  throw LoadError(fmt::format("{}: {} is not callable but of type '{}'", name.text, what,
                              Py_TYPE(object)->tp_name),
                  "");
}

/// functools.partial. Null if nobody has imported it, so that there are no objects of it.
Ref partial_type() {
  const Ref name = checked(PyUnicode_FromString("functools"));
  const Ref functools = Ref::steal(PyImport_GetModule(name.get()));
  if (functools) return checked(PyObject_GetAttrString(functools.get(), "partial"));
  PyErr_Clear();
  return {};
}

/// The function inside bound methods and functools.partial objects.
Ref unwrap(PyObject* callable) {
  const Ref partial = partial_type();
  Ref inner = Ref::borrow(callable);
  for (;;) {
    if (PyMethod_Check(inner.get())) {
      inner = Ref::borrow(PyMethod_Function(inner.get()));
    } else if (partial && checked(PyObject_IsInstance(inner.get(), partial.get())) != 0) {
      inner = checked(PyObject_GetAttrString(inner.get(), "func"));
    } else {
      return inner;
    }
  }
}

/// Same result as inspect.iscoroutinefunction. Importing inspect would cost each worker a megabyte
/// of modules that hardly any application needs.
bool is_coroutine_function(PyObject* callable) {
  const Ref function = unwrap(callable);
  if (!PyFunction_Check(function.get())) return false;
  const Ref code = checked(PyObject_GetAttrString(function.get(), "__code__"));
  const Ref flags = checked(PyObject_GetAttrString(code.get(), "co_flags"));
  return (PyLong_AsLong(flags.get()) & CO_COROUTINE) != 0;
}

/// ASGI applications are coroutine functions, or objects whose __call__ is one.
bool is_asynchronous(PyObject* object) {
  if (PyType_Check(object)) return false;
  const Ref call = checked(PyObject_GetAttrString(object, "__call__"));
  return is_coroutine_function(object) || is_coroutine_function(call.get());
}

/// A numeric attribute of a code object or function.
long number_of(PyObject* object, const char* attribute) {
  const Ref number = checked(PyObject_GetAttrString(object, attribute));
  return PyLong_AsLong(number.get());
}

/// How many of a function's parameters have a default: the length of a tuple or dict; 0 for None.
long length_of(PyObject* object, const char* attribute) {
  const Ref found = checked(PyObject_GetAttrString(object, attribute));
  return found.get() == Py_None ? 0 : static_cast<long>(PyObject_Size(found.get()));
}

/// How many positional arguments a call may have. (Importing inspect would cost a megabyte here,
/// too.)
struct Arity {
  long least = 0;
  long most = 0;

  bool takes(long count) const { return least <= count && count <= most; }
};

/// std::nullopt if the callable does not show it.
std::optional<Arity> arity_of(PyObject* callable) {
  const bool bound = PyMethod_Check(callable);
  const Ref function = Ref::borrow(bound ? PyMethod_Function(callable) : callable);
  if (!PyFunction_Check(function.get())) return std::nullopt;
  const Ref code = checked(PyObject_GetAttrString(function.get(), "__code__"));
  const bool any = (number_of(code.get(), "co_flags") & CO_VARARGS) != 0;
  const long self = bound ? 1 : 0;
  Arity arity;
  arity.most = number_of(code.get(), "co_argcount");
  arity.least = std::max(arity.most - length_of(function.get(), "__defaults__") - self, 0L);
  arity.most = any ? std::numeric_limits<long>::max() : arity.most - self;
  // A required keyword-only parameter cannot be given at all.
  const bool named =
      number_of(code.get(), "co_kwonlyargcount") > length_of(function.get(), "__kwdefaults__");
  return named ? Arity{1, 0} : arity;
}

/// A function without parameters is a factory, not an application.
void require_wsgi_call(const ApplicationName& name, PyObject* object) {
  const std::optional<Arity> arity = in_step(name.text, [&] { return arity_of(object); });
  constexpr long kEnvironAndStartResponse = 2;
  if (!arity || arity->takes(kEnvironAndStartResponse)) return;
  const bool factory = arity->takes(0) && !name.is_factory && !name.object.empty();
  throw LoadError(
      fmt::format(
          "{}: this function cannot be called with (environ, start_response), as WSGI "
          "requires{}",
          name.text,
          factory ? fmt::format("; if it returns the application, write {}()", name.text) : ""),
      "");
}

Ref call_factory(const ApplicationName& name, PyObject* factory) {
  require_callable(name, factory, "the factory");
  return in_step(fmt::format("{}: the factory failed", name.text),
                 [&] { return checked(PyObject_CallNoArgs(factory)); });
}

}  // namespace

Ref load_application(const std::string& text) {
  const ApplicationName name = parse_application_name(text);
  Ref object = find_object(name, name.is_file ? import_file(name) : import_module(name));
  if (name.is_factory) object = call_factory(name, object.get());
  require_callable(name, object.get(), "the application");
  if (in_step(name.text, [&] { return is_asynchronous(object.get()); }))
    throw LoadError(
        fmt::format("{}: this is an ASGI application (its call is a coroutine); appd runs WSGI",
                    text),
        "");
  require_wsgi_call(name, object.get());
  return object;
}

}  // namespace appd::python
