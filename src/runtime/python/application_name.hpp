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
  std::string module;               ///< dotted name, or path
  bool is_file = false;             ///< `module` is a path
  std::vector<std::string> object;  ///< attribute after attribute; empty: look for the usual names
  bool is_factory = false;  ///< the object is called without arguments and returns the application
};

/// Throws LoadError when it has none of the forms. Looks into the working directory for what might
/// be a module or a file.
ApplicationName parse_application_name(std::string_view text);

}  // namespace appd::python
