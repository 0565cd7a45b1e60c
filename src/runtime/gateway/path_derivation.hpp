// SCRIPT_NAME and PATH_INFO from whatever the front sent.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/gateway/string_pool.hpp"

namespace appd::gateway {

/// The variables with which fronts convey a request's path, each front in its own way.
struct PathVariables {
  std::optional<std::string_view> script_name;  ///< decoded; std::nullopt if not sent
  std::optional<std::string_view> path_info;    ///< decoded; std::nullopt if not sent
  std::string_view document_uri;                ///< decoded
  std::string_view request_uri;                 ///< as the client sent it, with the query
};

/// The path as WSGI wants it. `script_name` is "" or starts with a slash and does not end with one.
/// `path_info` is "" or starts with a slash. Not both are empty. Nothing else is normalised: `..`
/// and `//` stay.
struct DerivedPath {
  std::string_view script_name;
  std::string_view path_info;
};

/// Splits the path into the application's location and the rest. `mount` ("" or "/prefix") becomes
/// the script name if the whole path begins with it. Without a mount, both variables are taken as
/// sent if the front separated them (PATH_INFO was sent and SCRIPT_NAME is not empty) or if
/// `trust_script_name` is set; otherwise the whole path is path_info. The result views the
/// variables and strings in `made`.
DerivedPath derive_path(const PathVariables& variables, std::string_view mount,
                        bool trust_script_name, StringPool& made);

/// The path of a request target in origin or absolute form, without scheme, authority and query.
/// Still percent-encoded.
std::string_view path_of(std::string_view request_uri) noexcept;

/// `text` with each %XX decoded once; malformed escapes stay. Views `text` if there are none.
std::string_view percent_decode(std::string_view text, StringPool& made);

}  // namespace appd::gateway
