#include "runtime/net/own_request.hpp"

#include <array>
#include <charconv>
#include <span>

#include "protocol/request_encoder.hpp"

namespace appd::net {

std::string encode_own_request(protocol::Wire wire, std::string_view target) {
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? "" : target.substr(question + 1);
  const std::array<gateway::Variable, 13> variables{{
      {"CONTENT_LENGTH", "0"},  // first, as SCGI wants it
      {"REQUEST_METHOD", "GET"},
      {"REQUEST_URI", target},
      {"SCRIPT_NAME", ""},
      {"PATH_INFO", path},
      {"QUERY_STRING", query},
      {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"SERVER_NAME", "localhost"},
      {"SERVER_PORT", "80"},
      {"REMOTE_ADDR", "127.0.0.1"},
      {"HTTP_HOST", "localhost"},
      {"HTTP_USER_AGENT", "appd"},
      {"SCGI", "1"},
  }};
  const std::size_t count = variables.size() - (wire == protocol::Wire::scgi ? 0 : 1);
  return protocol::encode_request(wire, 1, false, std::span(variables).first(count), {});
}

unsigned status_of_answer(protocol::Wire wire, std::string_view answer) noexcept {
  // With FastCGI the text is inside a record.
  const std::string_view before = wire == protocol::Wire::uwsgi ? "HTTP/1.1 " : "Status: ";
  const std::size_t at = answer.find(before);
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = answer.substr(at + before.size(), 3);
  unsigned status = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), status);
  return status;
}

}  // namespace appd::net
