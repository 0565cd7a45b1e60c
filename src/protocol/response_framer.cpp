// Frames head, body and error text for each wire, without copying the body.

#include "protocol/response_framer.hpp"

#include <fmt/compile.h>

#include <algorithm>

#include "protocol/fastcgi_records.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::protocol {
namespace {

using fastcgi::ProtocolStatus;
using fastcgi::RecordType;

void add_header(RecordType type, RequestId id, std::size_t content_length, Gather& out) {
  out.add_copy(fastcgi::view(fastcgi::encode_header(type, id, content_length)));
}

void add_end_request(RequestId id, Gather& out) {
  out.add_copy(fastcgi::view(fastcgi::encode_end_request(id, ProtocolStatus::request_complete)));
}

/// Cuts a stream of known size into records as full as possible, without copying it.
class StreamCutter {
 public:
  StreamCutter(RecordType type, RequestId id, std::size_t total, Gather& out) noexcept
      : type_(type), id_(id), left_(total), out_(out) {}

  void add(std::string_view piece) {
    while (!piece.empty()) {
      if (room_ == 0) begin_record();
      const auto part = piece.substr(0, room_);
      out_.add(part);
      piece.remove_prefix(part.size());
      room_ -= part.size();
      left_ -= part.size();
    }
  }

 private:
  void begin_record() {
    room_ = std::min(left_, ResponseFramer::kMaxRecord);
    add_header(type_, id_, room_, out_);
  }

  RecordType type_;
  RequestId id_;
  std::size_t left_;      // of the stream
  std::size_t room_ = 0;  // in the current record
  Gather& out_;
};

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

bool has_no_body(std::string_view status) noexcept {
  return status.starts_with("204") || status.starts_with("304");
}

/// `fields` are lines that end with CRLF.
bool has_date(std::string_view fields) noexcept {
  constexpr std::string_view kName = "date:";
  while (fields.size() > kName.size()) {
    if (support::same_ignoring_case(fields.substr(0, kName.size()), kName)) return true;
    const std::size_t end = fields.find('\n');
    if (end == std::string_view::npos) return false;
    fields.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

Break choose_break(Wire wire, gateway::Front front, bool length_announced,
                   bool other_requests) noexcept {
  if (wire != Wire::fastcgi) return Break::close;
  if (other_requests && length_announced) return Break::end_and_keep;
  if (front != gateway::Front::nginx) return Break::close;
  // nginx takes a close for the end, but with an announced length it waits for the rest.
  return length_announced ? Break::end_request : Break::corrupt;
}

void ResponseFramer::write_head(const gateway::ResponseHead& head, const HttpHeadFacts& facts,
                                std::string& out) {
  // Apache's uwsgi module demands a status line; its modules for CGI's other wires refuse one.
  out = wire_ == Wire::uwsgi || wire_ == Wire::http ? "HTTP/1.1 " : "Status: ";
  out += head.status;
  out += "\r\n";
  out += head.fields;
  if (wire_ == Wire::http) {
    const bool bodiless = facts.to_head || has_no_body(head.status);
    chunked_ = !head.announces_length && !bodiless && !terms_.old_version;
    shows_its_end_ = head.announces_length || bodiless || chunked_;
    keeps_connection_ = facts.keeps_connection && shows_its_end_;
    if (!has_date(head.fields)) out.append("Date: ").append(facts.date).append("\r\n");
    if (chunked_) out += "Transfer-Encoding: chunked\r\n";
    if (!keeps_connection_) {
      out += "Connection: close\r\n";
    } else if (terms_.old_version) {
      out += "Connection: keep-alive\r\n";
    }
  } else {
    shows_its_end_ = wire_ == Wire::fastcgi;
  }
  out += "\r\n";
}

/// An empty chunk would end the body, so no bytes are no chunk. uwsgi and SCGI have no chunks.
void ResponseFramer::frame_plain(std::string_view head, std::span<const std::string_view> body,
                                 bool last, Gather& out) const {
  out.add(head);
  std::size_t size = 0;
  for (const auto piece : body) size += piece.size();
  if (chunked_ && size > 0) out.add_copy(fmt::format(FMT_COMPILE("{:x}\r\n"), size));
  for (const auto piece : body) out.add(piece);
  if (chunked_ && size > 0) out.add(kLineEnd);
  if (chunked_ && last) out.add(kLastChunk);
}

void ResponseFramer::frame(std::string_view head, std::span<const std::string_view> body, bool last,
                           Gather& out) const {
  if (wire_ != Wire::fastcgi) return frame_plain(head, body, last, out);
  auto total = head.size();
  for (const auto piece : body) total += piece.size();
  StreamCutter stream(RecordType::stdout_stream, id_, total, out);
  stream.add(head);
  for (const auto piece : body) stream.add(piece);
  if (!last) return;
  add_header(RecordType::stdout_stream, id_, 0, out);
  add_end_request(id_, out);
}

void ResponseFramer::frame_error_text(std::string_view text, bool last, Gather& out) const {
  if (wire_ != Wire::fastcgi) return;
  StreamCutter(RecordType::stderr_stream, id_, text.size(), out).add(text);
  if (last) add_header(RecordType::stderr_stream, id_, 0, out);
}

void ResponseFramer::frame_break(Break how, Gather& out) const {
  if (wire_ != Wire::fastcgi) return;
  switch (how) {
    case Break::close:
      return;
    case Break::end_request:
    case Break::end_and_keep:
      add_end_request(id_, out);
      return;
    case Break::corrupt: {
      auto header = fastcgi::encode_header(RecordType::stdout_stream, id_, 0);
      header.front() = 0;  // the version
      out.add_copy(fastcgi::view(header));
      return;
    }
  }
}

}  // namespace appd::protocol
