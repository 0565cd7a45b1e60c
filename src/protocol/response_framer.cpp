// Frames head, body and error text for each wire, without copying the body.

#include "protocol/response_framer.hpp"

#include <algorithm>

#include "protocol/fastcgi_records.hpp"

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

}  // namespace

Break choose_break(Wire wire, gateway::Front front, bool length_announced,
                   bool other_requests) noexcept {
  if (wire != Wire::fastcgi) return Break::close;
  if (other_requests && length_announced) return Break::end_and_keep;
  if (front != gateway::Front::nginx) return Break::close;
  // nginx takes a close for the end, but with an announced length it waits for the rest.
  return length_announced ? Break::end_request : Break::corrupt;
}

void ResponseFramer::write_head(const gateway::ResponseHead& head, std::string& out) const {
  // Apache's uwsgi module demands a status line; its modules for the other wires refuse one.
  out = wire_ == Wire::uwsgi ? "HTTP/1.1 " : "Status: ";
  out += head.status;
  out += "\r\n";
  out += head.fields;
  out += "\r\n";
}

void ResponseFramer::frame(std::string_view head, std::span<const std::string_view> body, bool last,
                           Gather& out) const {
  if (wire_ != Wire::fastcgi) {
    out.add(head);
    for (const auto piece : body) out.add(piece);
    return;
  }
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
