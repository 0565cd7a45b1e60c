// The name of an application, split into module, object and call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace appd::python {

/// Where the application is, as the operator wrote it:
///
///     module                 module:object.attribute      module:factory()
///     path/app.py            path/app.wsgi:object         …
struct ApplicationName {
  std::string text;                 ///< as written, for messages
  std::string module;               ///< a dotted name or a path
  bool is_file = false;             ///< `module` is a path
  std::vector<std::string> object;  ///< one attribute after the other; empty means the usual names
  bool is_factory = false;  ///< the object is called without arguments and returns the application
};

/// Throws LoadError if `text` has none of the forms. Looks into the working directory if it may be
/// a module or a file.
ApplicationName parse_application_name(std::string_view text);

}  // namespace appd::python
