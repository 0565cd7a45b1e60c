// Encodes requests for each wire with a browser's headers.

#include "bench/load/request_bytes.hpp"

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace appd::load {
namespace {

constexpr std::string_view kHost = "bench.test";

/// The headers of a browser, by their CGI names' rest and by their own names.
struct Header {
  std::string_view variable;
  std::string_view name;
  std::string_view value;
};
constexpr std::array<Header, 8> kHeaders{{
    {"HTTP_HOST", "Host", kHost},
    {"HTTP_USER_AGENT", "User-Agent",
     "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"},
    {"HTTP_ACCEPT", "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
    {"HTTP_ACCEPT_LANGUAGE", "Accept-Language", "en-US,en;q=0.5"},
    {"HTTP_ACCEPT_ENCODING", "Accept-Encoding", "gzip, deflate, br"},
    {"HTTP_COOKIE", "Cookie", "session=0123456789abcdef0123456789abcdef"},
    {"HTTP_CONNECTION", "Connection", "keep-alive"},
    {"HTTP_CACHE_CONTROL", "Cache-Control", "max-age=0"},
}};
constexpr std::string_view kBodyType = "application/octet-stream";

using Variables = std::vector<std::pair<std::string, std::string>>;

Variables variables(const RequestShape& shape) {
  const std::size_t question = shape.path.find('?');
  const bool has_query = question != std::string::npos;
  const bool has_body = shape.body > 0;
  Variables all{
      {"QUERY_STRING", has_query ? shape.path.substr(question + 1) : ""},
      {"REQUEST_METHOD", shape.method},
      {"CONTENT_TYPE", std::string(has_body ? kBodyType : "")},
      {"CONTENT_LENGTH", has_body ? std::to_string(shape.body) : ""},
      {"REQUEST_URI", shape.path},
      {"PATH_INFO", shape.path.substr(0, question)},
      {"SCRIPT_NAME", ""},
      {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
      {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"REQUEST_SCHEME", "http"},
      {"GATEWAY_INTERFACE", "CGI/1.1"},
      {"SERVER_SOFTWARE", "nginx/1.22.1"},
      {"REMOTE_ADDR", "127.0.0.1"},
      {"REMOTE_PORT", "43210"},
      {"SERVER_ADDR", "127.0.0.1"},
      {"SERVER_PORT", "8080"},
      {"SERVER_NAME", std::string(kHost)},
  };
  for (const Header& header : kHeaders) all.emplace_back(header.variable, header.value);
  return all;
}

std::string body_bytes(const RequestShape& shape) {
  return std::string(shape.body, 'x');
}

// FastCGI: record types and limits of section 8 of its specification.
enum class Record : char { begin_request = 1, params = 4, standard_input = 5 };
constexpr std::size_t kLargestContent = 65535;
constexpr std::size_t kInputRecord = 32768;

void put_record(std::string& out, Record type, std::string_view content) {
  out += {1, static_cast<char>(type), 0, 1};  // version; request id 1, high byte first
  out += {static_cast<char>(content.size() >> 8), static_cast<char>(content.size() & 0xff)};
  out += {0, 0};  // no padding; reserved
  out += content;
}

/// A stream: records of at most `largest` bytes, then the empty one that ends it.
void put_stream(std::string& out, Record type, std::string_view bytes, std::size_t largest) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(largest, bytes.size()))) {
    put_record(out, type, bytes.substr(0, largest));
  }
  put_record(out, type, {});
}

/// One byte below 128, otherwise four with the highest bit set (section 3.4).
void put_pair_length(std::string& out, std::size_t size) {
  if (size >= 128) {
    out += static_cast<char>(size >> 24 | 0x80);
    for (int shift = 16; shift > 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  }
  out += static_cast<char>(size & 0xff);
}

std::string fastcgi_request(const RequestShape& shape, bool keep_connection) {
  std::string params;
  for (const auto& [name, value] : variables(shape)) {
    put_pair_length(params, name.size());
    put_pair_length(params, value.size());
    params += name + value;
  }
  std::string out;
  const std::string role_and_flags{0, 1, static_cast<char>(keep_connection), 0, 0, 0, 0, 0};
  put_record(out, Record::begin_request, role_and_flags);
  put_stream(out, Record::params, params, kLargestContent);
  put_stream(out, Record::standard_input, body_bytes(shape), kInputRecord);
  return out;
}

std::string uwsgi_request(const RequestShape& shape) {
  std::string block;
  const auto put_size = [](std::string& out, std::size_t size) {
    if (size > 0xffff) throw std::length_error("too long for a uwsgi packet");
    out += {static_cast<char>(size & 0xff), static_cast<char>(size >> 8)};
  };
  for (const auto& [name, value] : variables(shape)) {
    put_size(block, name.size());
    block += name;
    put_size(block, value.size());
    block += value;
  }
  std::string out(1, '\0');  // modifier1
  put_size(out, block.size());
  out += '\0';  // modifier2
  return out + block + body_bytes(shape);
}

std::string scgi_request(const RequestShape& shape) {
  std::string block;
  const auto put = [&block](std::string_view name, std::string_view value) {
    block.append(name).append(1, '\0').append(value).append(1, '\0');
  };
  put("CONTENT_LENGTH", std::to_string(shape.body));
  put("SCGI", "1");
  for (const auto& [name, value] : variables(shape)) {
    if (name != "CONTENT_LENGTH") put(name, value);
  }
  return std::to_string(block.size()) + ":" + block + "," + body_bytes(shape);
}

std::string http_request(const RequestShape& shape, bool keep_connection) {
  std::string out = shape.method + " " + shape.path + " HTTP/1.1\r\n";
  const auto put = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  for (const Header& header : kHeaders) {
    const bool closes = header.name == "Connection" && !keep_connection;
    put(header.name, closes ? "close" : header.value);
  }
  if (shape.body > 0) {
    put("Content-Type", kBodyType);
    put("Content-Length", std::to_string(shape.body));
  }
  return out + "\r\n" + body_bytes(shape);
}

}  // namespace

std::string make_request(Wire wire, const RequestShape& shape) {
  switch (wire) {
    case Wire::fastcgi_kept:
    case Wire::fastcgi:
      return fastcgi_request(shape, keeps_connections(wire));
    case Wire::uwsgi:
      return uwsgi_request(shape);
    case Wire::scgi:
      return scgi_request(shape);
    case Wire::http:
    case Wire::http_closed:
      return http_request(shape, keeps_connections(wire));
  }
  throw std::logic_error("a wire without requests");
}

}  // namespace appd::load
