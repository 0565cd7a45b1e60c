// What a request for a static file says.
#pragma once

#include <string_view>

#include "runtime/gateway/request.hpp"
#include "runtime/support/http_date.hpp"

namespace appd::files {

using support::Seconds;

/// The method and the values of the fields that count, as the client sent them; "" if not sent.
struct FileRequest {
  std::string_view method;
  std::string_view accept_encoding;
  std::string_view if_match;
  std::string_view if_none_match;
  std::string_view if_modified_since;
  std::string_view if_unmodified_since;
  std::string_view if_range;
  std::string_view range;
  Seconds now = 0;  ///< the time of the response

  bool is_head() const noexcept { return method == "HEAD"; }
};

/// Views `request`.
FileRequest make_file_request(const gateway::Request& request, Seconds now);

}  // namespace appd::files
