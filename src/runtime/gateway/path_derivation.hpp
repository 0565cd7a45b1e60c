#pragma once

#include <optional>
#include <string_view>

#include "runtime/gateway/string_pool.hpp"

namespace appd::gateway {

/// The variables in which the fronts hide a request's path, each in its own way.
struct PathVariables {
  std::optional<std::string_view> script_name;  ///< decoded; none: not sent
  std::optional<std::string_view> path_info;    ///< decoded; none: not sent
  std::string_view document_uri;                ///< decoded
  std::string_view request_uri;                 ///< as the client sent it, with query
};

/// What WSGI wants. `script_name` is "" or starts with a slash and does not end with one;
/// `path_info` is
/// "" or starts with a slash; not both are empty. Not normalised otherwise: `..` and `//` stay.
struct DerivedPath {
  std::string_view script_name;
  std::string_view path_info;
};

/// Where the application lives and what the rest of the path is. A `mount` ("" or "/prefix")
/// becomes the script name where the whole path has it. Without one, both variables are taken as
/// sent when the front told them apart (PATH_INFO sent, SCRIPT_NAME not empty) or
/// `trust_script_name` says so; else all of the path is path_info. The result views the variables
/// and strings of `made`.
DerivedPath derive_path(const PathVariables& variables, std::string_view mount,
                        bool trust_script_name, StringPool& made);

/// The path of a request target in origin or absolute form: without scheme, authority and query,
/// still percent-encoded.
std::string_view path_of(std::string_view request_uri) noexcept;

/// `text` with each %XX made a byte, once; malformed escapes stay. Views `text` when there are
/// none.
std::string_view percent_decode(std::string_view text, StringPool& made);

}  // namespace appd::gateway
