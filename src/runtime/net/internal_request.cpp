// Encodes appd's own requests for any wire, and reads statuses out of the responses.

#include "runtime/net/internal_request.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "protocol/fastcgi_records.hpp"
#include "protocol/request_encoder.hpp"

namespace appd::net {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// Where "host:port" has its colon, or its end. Colons in an IPv6 address's brackets do not count.
std::size_t end_of_name(std::string_view host) {
  const std::size_t bracket = host.find(']');
  return std::min(host.find(':', bracket == std::string_view::npos ? 0 : bracket), host.size());
}

/// The content of the STDOUT records; the application's error texts may come between them.
std::string text_of(std::string_view records) {
  namespace fastcgi = protocol::fastcgi;
  fastcgi::RecordReader reader;
  std::string text;
  while (true) {
    const fastcgi::RecordPiece piece = reader.next(records);
    if (piece.kind != fastcgi::RecordPiece::Kind::content) return text;
    if (reader.header().type == fastcgi::RecordType::stdout_stream) text += piece.bytes;
  }
}

/// Takes the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find(kLineEnd), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + kLineEnd.size(), text.size()));
  return line;
}

/// The value of `line` if it is a field called `name`; otherwise "".
std::string_view value_in(std::string_view line, std::string_view name) {
  const std::size_t colon = line.find(':');
  if (colon != name.size() || ::strncasecmp(line.data(), name.data(), colon) != 0) return {};
  const std::size_t value = line.find_first_not_of(" :", colon);
  return value == std::string_view::npos ? "" : line.substr(value);
}

}  // namespace

std::string encode_internal_request(protocol::Wire wire, const InternalRequest& request) {
  const std::string_view target = request.target;
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? "" : target.substr(question + 1);
  const std::size_t name_end = end_of_name(request.host);
  std::string_view port = request.https ? "443" : "80";
  if (name_end < request.host.size()) port = request.host.substr(name_end + 1);
  std::vector<gateway::Variable> variables{
      {"CONTENT_LENGTH", "0"},  // first, as SCGI requires
      {"REQUEST_METHOD", "GET"},
      {"REQUEST_URI", target},
      {"SCRIPT_NAME", ""},
      {"PATH_INFO", path},
      {"QUERY_STRING", query},
      {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"SERVER_NAME", request.host.substr(0, name_end)},
      {"SERVER_PORT", port},
      {"REMOTE_ADDR", "127.0.0.1"},
      {"HTTP_HOST", request.host},
      {"HTTP_USER_AGENT", "appd"},
  };
  if (request.https) variables.push_back({"HTTPS", "on"});
  if (wire == protocol::Wire::scgi) variables.push_back({"SCGI", "1"});
  return protocol::encode_request(wire, 1, false, variables, {});
}

InternalResponse read_internal_response(protocol::Wire wire, std::string_view response) {
  const std::string text =
      wire == protocol::Wire::fastcgi ? text_of(response) : std::string(response);
  const std::string_view before = wire == protocol::Wire::uwsgi ? "HTTP/1.1 " : "Status: ";
  InternalResponse found;
  if (!text.starts_with(before)) return found;
  std::string_view rest = std::string_view(text).substr(before.size());
  const std::string_view status = take_line(rest).substr(0, 3);
  std::from_chars(status.data(), status.data() + status.size(), found.status);
  while (true) {
    const std::string_view line = take_line(rest);
    if (line.empty()) return found;
    if (found.location.empty()) found.location = value_in(line, "Location");
  }
}

}  // namespace appd::net
