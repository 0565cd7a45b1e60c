// Lets Beast take the head apart, and refuses what is not beyond doubt.

#include "protocol/http_head.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <limits>

#include "protocol/variable_parsers.hpp"
#include "runtime/gateway/variable_name.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::protocol {
namespace {

namespace http = boost::beast::http;
using support::same_ignoring_case;

constexpr std::size_t kMostMethod = 32;
constexpr const char* kBadLength = "Content-Length is not one number of bytes";

std::string_view to_std(boost::beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

char to_variable(char c) noexcept {
  if (c >= 'a' && c <= 'z') return static_cast<char>(c - ('a' - 'A'));
  return c == '-' ? '_' : c;
}

/// An IP address between brackets, without the opening one; advances beyond the closing one.
bool take_address(std::string_view& text) noexcept {
  const std::size_t end = text.find(']');
  if (end == 0 || end == std::string_view::npos) return false;
  const std::string_view address = text.substr(0, end);
  text.remove_prefix(end + 1);
  return address.find_first_not_of("0123456789ABCDEFabcdef:.") == std::string_view::npos;
}

/// A name, which may be that of an IPv4 address; advances to the colon of the port, if there is
/// one.
bool take_name(std::string_view& text) noexcept {
  const std::string_view name = text.substr(0, text.find(':'));
  text.remove_prefix(name.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("\"#,/<>?@[\\]^`{|}").find(c) == std::string_view::npos;
  });
}

/// uri-host and port (RFC 3986 section 3.2), but no empty host (RFC 9110 section 4.2.1).
bool is_authority(std::string_view text) noexcept {
  const bool has_brackets = text.starts_with('[');
  if (has_brackets) text.remove_prefix(1);
  if (!(has_brackets ? take_address(text) : take_name(text))) return false;
  return text.empty() ||
         (text.front() == ':' && std::all_of(text.begin() + 1, text.end(), support::is_digit));
}

/// The authority of an absolute-form target; std::nullopt if the target has no scheme of HTTP.
std::optional<std::string_view> authority_of(std::string_view target) noexcept {
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = target.substr(0, colon);
  if (!same_ignoring_case(scheme, "http") && !same_ignoring_case(scheme, "https")) {
    return std::nullopt;
  }
  const std::string_view rest = target.substr(colon + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

std::string_view query_of(std::string_view target) noexcept {
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

/// True for each element of a comma-separated list that is `token`, in any case.
bool lists(std::string_view value, std::string_view token) noexcept {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    if (same_ignoring_case(support::trim(value.substr(0, comma)), token)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

/// Beast's parser, which calls back for each part. Notes the first reason to refuse the request and
/// then stops the parser with an error. Many bools because each is what one field says.
class HeadReader final : public http::basic_parser<true> {
 public:
  HeadReader(std::size_t size, gateway::VariableBlock& into, HttpFraming& framing)
      : into_(into), framing_(framing) {
    // A field's variable is less than twice as long as its line. The memory must not move.
    into_.bytes.reserve(2 * size + kRoomForEnds);
    header_limit(std::numeric_limits<std::uint32_t>::max());
    // Bodies are not read here.
    skip(true);
  }

  std::optional<HttpRefusal> read(std::string_view head) {
    boost::beast::error_code error;
    put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (!refusal_ && error) refuse_syntax(error);
    if (!refusal_ && !is_header_done()) refuse(400, "the request's head is malformed");
    if (!refusal_) settle();
    return std::move(refusal_);
  }

 private:
  using Error = boost::beast::error_code;
  using Text = boost::beast::string_view;

  void on_request_impl(http::verb, Text method, Text target, int version, Error& error) override {
    framing_.terms.old_version = version < 11;
    on_request_line(to_std(method), to_std(target));
    stop_if_refused(error);
  }
  void on_response_impl(int, Text, int, Error&) override {}
  void on_field_impl(http::field field, Text name, Text value, Error& error) override {
    on_field(field, to_std(name), to_std(value));
    stop_if_refused(error);
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(Text body, Error&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, Error&) override { return body.size(); }
  void on_finish_impl(Error&) override {}

  void on_request_line(std::string_view method, std::string_view target);
  void on_field(http::field field, std::string_view name, std::string_view value);
  void on_host(std::string_view value);
  void on_type(std::string_view value);
  void on_length(std::string_view value);
  void on_coding(std::string_view value);
  void settle();
  void settle_body();

  void refuse(std::uint16_t status, std::string reason) {
    if (!refusal_) refusal_ = HttpRefusal{status, std::move(reason)};
  }
  void refuse_syntax(const Error& error);
  void stop_if_refused(Error& error) const {
    if (refusal_) error = http::error::bad_value;
  }

  std::string_view keep(std::string_view text) {
    const std::size_t begin = into_.bytes.size();
    into_.bytes.insert(into_.bytes.end(), text.begin(), text.end());
    return {into_.bytes.data() + begin, text.size()};
  }
  void add(std::string_view name, std::string_view value) {
    into_.variables.push_back({name, value});
  }
  std::string_view variable_name(std::string_view field);

  gateway::VariableBlock& into_;
  HttpFraming& framing_;
  std::optional<HttpRefusal> refusal_;
  std::string_view method_;
  std::optional<std::string_view> authority_;  // of the target
  bool has_host_ = false;
  bool has_type_ = false;
  bool has_length_ = false;
  bool is_chunked_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
  bool expects_continue_ = false;
};

void HeadReader::on_request_line(std::string_view method, std::string_view target) {
  add("REQUEST_METHOD", method_ = keep(method));
  const std::string_view kept = keep(target);
  add("REQUEST_URI", kept);
  add("QUERY_STRING", query_of(kept));
  add("SERVER_PROTOCOL", framing_.terms.old_version ? "HTTP/1.0" : "HTTP/1.1");
  if (method.size() > kMostMethod) {
    return refuse(501, fmt::format("the method has {} bytes: more than {} are no method",
                                   method.size(), kMostMethod));
  }
  if (method == "CONNECT") return refuse(405, "CONNECT is for proxies");
  if (target == "*" && method == "OPTIONS") return;
  if (target.starts_with('/')) return;
  authority_ = authority_of(kept);
  if (!authority_ || !is_authority(*authority_)) {
    refuse(400, "the request's target is neither a path nor an http address");
  }
}

void HeadReader::on_field(http::field field, std::string_view name, std::string_view value) {
  switch (field) {
    case http::field::host:
      return on_host(value);
    case http::field::content_length:
      return on_length(value);
    case http::field::transfer_encoding:
      return on_coding(value);
    case http::field::content_type:
      return on_type(value);
    case http::field::connection:
      says_close_ = says_close_ || lists(value, "close");
      says_keep_alive_ = says_keep_alive_ || lists(value, "keep-alive");
      break;
    case http::field::expect:
      if (!same_ignoring_case(value, "100-continue")) {
        return refuse(417, "the request expects something other than 100-continue");
      }
      expects_continue_ = true;
      break;
    default:
      break;
  }
  // Such a name would pass for that of another field, with dashes.
  if (name.find('_') != std::string_view::npos) return;
  const std::string_view variable = variable_name(name);
  add(variable, keep(value));
}

void HeadReader::on_host(std::string_view value) {
  if (has_host_) return refuse(400, "the request has two Host fields");
  has_host_ = true;
  // An empty one is right where the target has no authority (RFC 9110 section 7.2).
  if (!value.empty() && !is_authority(value)) return refuse(400, "the Host field is no host");
  add("HTTP_HOST", authority_ ? *authority_ : keep(value));
}

void HeadReader::on_type(std::string_view value) {
  if (has_type_) return refuse(400, "the request has two Content-Type fields");
  has_type_ = true;
  add("CONTENT_TYPE", keep(value));
}

void HeadReader::on_length(std::string_view value) {
  if (has_length_) return refuse(400, kBadLength);
  has_length_ = true;
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, length);
  if (!support::is_digits(value) || error != std::errc{} || stop != end || length > kMost) {
    return refuse(400, kBadLength);
  }
  framing_.length = length;
  add("CONTENT_LENGTH", keep(value));
}

void HeadReader::on_coding(std::string_view value) {
  if (is_chunked_) return refuse(400, "the request has two Transfer-Encoding fields");
  if (!same_ignoring_case(value, "chunked")) {
    // With the last coding unknown, so is the end of the body.
    const bool has_end =
        value.size() > 7 && same_ignoring_case(value.substr(value.size() - 7), "chunked");
    return refuse(has_end ? 501 : 400, "the only Transfer-Encoding that is understood is chunked");
  }
  is_chunked_ = true;
  add("HTTP_TRANSFER_ENCODING", keep(value));
}

std::string_view HeadReader::variable_name(std::string_view field) {
  const std::size_t begin = into_.bytes.size();
  keep("HTTP_");
  for (const char c : field) into_.bytes.push_back(to_variable(c));
  return {into_.bytes.data() + begin, into_.bytes.size() - begin};
}

void HeadReader::settle() {
  if (!has_host_) {
    if (!framing_.terms.old_version) return refuse(400, "the request has no Host field");
    if (authority_) add("HTTP_HOST", *authority_);
  }
  settle_body();
  framing_.keep_connection =
      framing_.terms.old_version ? says_keep_alive_ && !says_close_ : !says_close_;
}

void HeadReader::settle_body() {
  if (is_chunked_ && has_length_) {
    return refuse(400, "the request has both Content-Length and Transfer-Encoding");
  }
  if (is_chunked_ && framing_.terms.old_version) {
    return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
  }
  if (is_chunked_) framing_.length.reset();
  const bool has_body = framing_.length != 0u;
  if (has_body && method_ == "TRACE") return refuse(400, "a TRACE request must not have a body");
  framing_.terms.awaits_continue = expects_continue_ && has_body && !framing_.terms.old_version;
}

void HeadReader::refuse_syntax(const Error& error) {
  if (error == http::error::bad_method)
    return refuse(400, "the request line begins with no method");
  if (error == http::error::bad_target)
    return refuse(400, "the request's target has bytes that none may have");
  if (error == http::error::bad_version)
    return refuse(400, "the request line ends with no version of HTTP");
  if (error == http::error::bad_field) return refuse(400, "a field's name is none");
  if (error == http::error::bad_value)
    return refuse(400, "a field's value has bytes that none may have");
  // Beast looks at the lengths, too; versions differ in the error for two of them, not in this
  // word.
  if (error.message().find("Content-Length") != std::string::npos) return refuse(400, kBadLength);
  if (error == http::error::bad_transfer_encoding) {
    return refuse(
        400, "the request has both Content-Length and Transfer-Encoding, or one of them twice");
  }
  refuse(400, fmt::format("the request's head is malformed: {}", error.message()));
}

/// A line without a version may be all that the client sends: it is refused before the head is
/// complete.
std::optional<HttpRefusal> check_version(std::string_view request_line) {
  // What every connection of HTTP/2 begins with (RFC 9113 section 3.4).
  if (request_line == "PRI * HTTP/2.0") {
    return HttpRefusal{505, "this is HTTP/2, and appd speaks HTTP/1.1 with proxies and clients"};
  }
  const std::string_view version = request_line.substr(request_line.rfind(' ') + 1);
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return std::nullopt;
  const bool is_other = version.size() == 8 && version.starts_with("HTTP/") &&
                        support::is_digit(version[5]) && version[6] == '.' &&
                        support::is_digit(version[7]);
  if (is_other) return HttpRefusal{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  return HttpRefusal{400, "the request line ends with no version of HTTP"};
}

/// The longest line after the first.
std::string_view largest_field(std::string_view head) noexcept {
  std::string_view largest;
  std::size_t begin = head.find('\n');
  while (begin != std::string_view::npos) {
    const std::size_t end = head.find('\n', ++begin);
    const std::string_view line = head.substr(begin, end - begin);
    if (line.size() > largest.size()) largest = line;
    begin = end;
  }
  return largest.substr(0, largest.find('\r'));
}

}  // namespace

HttpHeadScanner::Found HttpHeadScanner::look(std::string_view head) {
  for (;;) {
    const std::size_t end = head.find('\n', std::max(line_, scanned_));
    if (end == std::string_view::npos) break;
    if (end >= most_) return {0, too_large(head)};
    if (end == line_ || head[end - 1] != '\r')
      return {0, HttpRefusal{400, "a line of the request's head ends in LF without CR"}};
    const std::string_view line = head.substr(line_, end - 1 - line_);
    line_ = end + 1;
    if (line.empty()) return {line_};
    if (auto refusal = check_line(line)) return {0, std::move(refusal)};
  }
  scanned_ = head.size();
  if (lines_ == 0 && head.size() > kMostRequestLine + 1) {
    return {0, check_line(head)};
  }
  if (head.size() > most_) return {0, too_large(head)};
  return {};
}

HttpRefusal HttpHeadScanner::too_large(std::string_view head) const {
  // As much of it as is there at every split.
  const std::string_view field = largest_field(head.substr(0, most_ + 1));
  const std::string_view name = field.substr(0, field.find(':'));
  const std::string largest =
      gateway::is_token(name)
          ? fmt::format("; the largest field so far is {} with {} bytes", name, field.size())
          : std::string();
  return {431,
          fmt::format("the request's head has more than --max-params {} bytes{}", most_, largest)};
}

std::optional<HttpRefusal> HttpHeadScanner::check_line(std::string_view line) {
  if (lines_++ == 0) {
    if (line.size() > kMostRequestLine) {
      return HttpRefusal{414,
                         fmt::format("the request line has more than {} bytes", kMostRequestLine)};
    }
    return check_version(line);
  }
  if (lines_ > kMostVariables + 1) return HttpRefusal{431, describe_too_many()};
  // Obsolete line folding (RFC 9112 section 5.2): servers do not agree on what it means.
  if (line.front() == ' ' || line.front() == '\t')
    return HttpRefusal{400, "a field's line begins with a blank"};
  return std::nullopt;
}

std::optional<HttpRefusal> read_http_head(std::string_view head, gateway::VariableBlock& into,
                                          HttpFraming& framing) {
  return HeadReader(head.size(), into, framing).read(head);
}

}  // namespace appd::protocol
