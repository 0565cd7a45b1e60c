// Properties of decoders and framers that hold for every input.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "protocol/chunked_body.hpp"
#include "protocol/event_log.hpp"
#include "protocol/fastcgi_records.hpp"
#include "protocol/gathered.hpp"
#include "protocol/response_framer.hpp"

/// What must hold for every input. Each function gives "", or what does not hold.
namespace appd::protocol::testing {

/// Takes what steers a check off the front of a fuzzer's input.
inline unsigned take_byte(std::string_view& input) {
  if (input.empty()) return 0;
  const auto byte = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return byte;
}

/// A decoder finds the same in `input`, but for its first byte, in one piece and in small ones.
inline std::string check_decoder(Wire wire, std::string_view input) {
  const auto steering = take_byte(input);
  Driving driving;
  driving.release = static_cast<Driving::Release>(steering >> 6 & 3U);
  if ((steering & 0x20) != 0) driving.limits = {64, 2};
  const auto whole = decode(wire, input, std::max<std::size_t>(input.size(), 1), driving);
  const auto cut = decode(wire, input, 1 + (steering & 0x1f), driving);
  if (!(whole == cut)) return "the events depend on how the input is cut";
  return whole.breach;
}

/// What is decided about a connection's first bytes is decided within 8 of them and stays.
inline std::string check_sniff(std::string_view input) {
  Sniffed before;
  for (std::size_t size = 0; size <= std::min<std::size_t>(input.size(), 9); ++size) {
    const auto now = sniff(input.substr(0, size));
    if (size >= 8 && now.kind == Sniffed::Kind::undecided) return "undecided after 8 bytes";
    const bool changed = now.kind != before.kind || now.wire != before.wire;
    if (before.kind != Sniffed::Kind::undecided && changed) return "a decision changed";
    before = now;
  }
  return {};
}

/// The content of the STDOUT records in `bytes`, or null when they are not one well-formed
/// response.
inline std::optional<std::string> response_content(std::string_view bytes, RequestId id) {
  fastcgi::RecordReader reader;
  std::string content;
  bool stdout_ended = false;
  for (;;) {
    const auto piece = reader.next(bytes);
    const auto& header = reader.header();
    if (piece.kind != fastcgi::RecordPiece::Kind::content || header.id != id) return std::nullopt;
    if (header.type == fastcgi::RecordType::end_request) {
      return stdout_ended && bytes.empty() ? std::optional(content) : std::nullopt;
    }
    if (header.type != fastcgi::RecordType::stdout_stream || stdout_ended) return std::nullopt;
    stdout_ended = header.content_length == 0;
    content += piece.bytes;
  }
}

/// The body in chunks; std::nullopt if `bytes` are not one chunked body.
inline std::optional<std::string> chunked_content(std::string_view bytes) {
  ChunkedBody body;
  std::string content;
  for (;;) {
    const ChunkedBody::Step step = body.next(bytes);
    content += step.bytes;
    if (step.found == ChunkedBody::Found::bytes) continue;
    return step.found == ChunkedBody::Found::end && bytes.empty() ? std::optional(content)
                                                                  : std::nullopt;
  }
}

/// A response, sent in portions of pieces, comes out of its frames as it went in.
inline std::string check_framer(std::string_view input) {
  const auto id = static_cast<RequestId>(take_byte(input) * 257);  // both bytes
  const std::size_t copies = 1 + take_byte(input);  // so that a piece may exceed a record
  const std::size_t portions = 1 + take_byte(input) % 8;
  const auto head = input.substr(0, take_byte(input));
  std::string piece;
  for (std::size_t i = 0; i < copies; ++i) piece += input;
  const std::array<std::string_view, 3> body{input, "", piece};

  const ResponseFramer framer(Wire::fastcgi, id);
  ResponseFramer http(Wire::http, 0);
  std::string http_head;
  http.write_head({"200 OK", ""}, {}, http_head);
  Gather out;
  Gather chunks;
  std::string expected;
  for (std::size_t i = 0; i < portions; ++i) {
    framer.frame(i == 0 ? head : "", body, i + 1 == portions, out);
    http.frame("", body, i + 1 == portions, chunks);
    expected += i == 0 ? head : "";
    for (const auto each : body) expected += each;
  }
  if (response_content(joined(out), id) != expected) return "a response changed in its frames";
  return chunked_content(joined(chunks)) == expected.substr(head.size())
             ? ""
             : "a response changed in its chunks";
}

}  // namespace appd::protocol::testing
