// Finds the fields that count for a file among a request's variables.

#include "runtime/files/file_request.hpp"

namespace appd::files {

FileRequest make_file_request(const gateway::Request& request, Seconds now) {
  return {
      .method = request.method(),
      .accept_encoding = request.find("HTTP_ACCEPT_ENCODING"),
      .if_match = request.find("HTTP_IF_MATCH"),
      .if_none_match = request.find("HTTP_IF_NONE_MATCH"),
      .if_modified_since = request.find("HTTP_IF_MODIFIED_SINCE"),
      .if_unmodified_since = request.find("HTTP_IF_UNMODIFIED_SINCE"),
      .if_range = request.find("HTTP_IF_RANGE"),
      .range = request.find("HTTP_RANGE"),
      .now = now,
  };
}

}  // namespace appd::files
