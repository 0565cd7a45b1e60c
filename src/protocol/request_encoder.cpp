// Encodes a request for each wire.

#include "protocol/request_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/fastcgi_records.hpp"

namespace appd::protocol {
namespace {

using Variables = std::span<const gateway::Variable>;
using fastcgi::RecordType;

constexpr std::size_t kMostContent = 65535;  // of a record, and of uwsgi's block

char byte_of(std::size_t value, unsigned shift) noexcept {
  return static_cast<char>(value >> shift & 0xff);
}

void put_record(std::string& out, RecordType type, RequestId id, std::string_view content) {
  const auto header = fastcgi::encode_header(type, id, content.size());
  out.append(header.data(), header.size()).append(content);
}

/// A stream's records, with the empty one that ends it.
void put_stream(std::string& out, RecordType type, RequestId id, std::string_view content) {
  for (; !content.empty(); content.remove_prefix(std::min(content.size(), kMostContent))) {
    put_record(out, type, id, content.substr(0, kMostContent));
  }
  put_record(out, type, id, {});
}

void put_fastcgi_length(std::string& out, std::size_t size) {
  constexpr std::size_t kShort = 128;
  if (size < kShort) {
    out += byte_of(size, 0);
  } else {
    out += {byte_of(size | 0x80000000, 24), byte_of(size, 16), byte_of(size, 8), byte_of(size, 0)};
  }
}

std::string encode_fastcgi(RequestId id, bool keep_connection, Variables variables,
                           std::string_view body) {
  std::string params;
  for (const auto& [name, value] : variables) {
    put_fastcgi_length(params, name.size());
    put_fastcgi_length(params, value.size());
    params.append(name).append(value);
  }
  const char flags = static_cast<char>(keep_connection ? fastcgi::kKeepConnection : 0);
  const std::string begin{0, static_cast<char>(fastcgi::kResponder), flags, 0, 0, 0, 0, 0};
  std::string out;
  put_record(out, RecordType::begin_request, id, begin);
  put_stream(out, RecordType::params, id, params);
  put_stream(out, RecordType::stdin_stream, id, body);
  return out;
}

std::string encode_uwsgi(Variables variables, std::string_view body) {
  std::string block;
  const auto put = [&block](std::string_view text) {
    block += {byte_of(text.size(), 0), byte_of(text.size(), 8)};
    block += text;
  };
  for (const auto& [name, value] : variables) {
    put(name);
    put(value);
  }
  const std::string header{0, byte_of(block.size(), 0), byte_of(block.size(), 8), 0};
  return header + block.append(body);
}

std::string encode_scgi(Variables variables, std::string_view body) {
  std::string block;
  for (const auto& [name, value] : variables) {
    block.append(name).append(1, '\0').append(value).append(1, '\0');
  }
  return fmt::format("{}:", block.size()).append(block).append(",").append(body);
}

/// The name of a field from that of its variable; "" if the variable is none of a field that is
/// sent on as it was. Its case is lost, which has no meaning.
std::string field_name(std::string_view variable) {
  if (variable == "CONTENT_TYPE") return "Content-Type";
  constexpr std::string_view kPrefix = "HTTP_";
  const bool is_about_body = variable == "HTTP_TRANSFER_ENCODING" || variable == "HTTP_EXPECT";
  if (!variable.starts_with(kPrefix) || is_about_body) return {};
  std::string name(variable.substr(kPrefix.size()));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// The body has its length now, also if it came in chunks.
std::string encode_http(Variables variables, std::string_view body) {
  const auto value_of = [variables](std::string_view name) {
    const auto found = std::find_if(variables.begin(), variables.end(),
                                    [name](const auto& each) { return each.name == name; });
    return found == variables.end() ? std::string_view() : found->value;
  };
  const std::string_view target = value_of("REQUEST_URI");
  const std::string_view version = value_of("SERVER_PROTOCOL");
  const bool has_authority = !target.starts_with('/') && target != "*";
  std::string out = fmt::format("{} {} {}\r\n", value_of("REQUEST_METHOD"), target, version);
  // Not twice: the head may be as large as heads may be.
  if (has_authority && version == "HTTP/1.1") out += "Host:\r\n";
  for (const auto& [name, value] : variables) {
    if (has_authority && name == "HTTP_HOST") continue;
    const std::string field = field_name(name);
    if (!field.empty()) out.append(field).append(":").append(value).append("\r\n");
  }
  const bool has_body = std::any_of(variables.begin(), variables.end(), [](const auto& each) {
    return each.name == "CONTENT_LENGTH" || each.name == "HTTP_TRANSFER_ENCODING";
  });
  if (has_body) out += fmt::format("Content-Length:{}\r\n", body.size());
  return out.append("\r\n").append(body);
}

}  // namespace

std::string encode_request(Wire wire, RequestId id, bool keep_connection, Variables variables,
                           std::string_view body) {
  switch (wire) {
    case Wire::fastcgi:
      return encode_fastcgi(id, keep_connection, variables, body);
    case Wire::uwsgi:
      return encode_uwsgi(variables, body);
    case Wire::scgi:
      return encode_scgi(variables, body);
    case Wire::http:
      return encode_http(variables, body);
  }
  return {};
}

}  // namespace appd::protocol
