// The life of HTTP requests on a connection, one after the other.

#include "protocol/http_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "runtime/gateway/variable_name.hpp"

namespace appd::protocol {
namespace {

constexpr char kTlsHandshake = 0x16;

Event make(Event::Kind kind) {
  Event event;
  event.kind = kind;
  return event;
}

}  // namespace

Event HttpDecoder::next(std::string_view& input) {
  assert(stage_ != Stage::complete && "expect_body or release is due before next");
  if (stage_ == Stage::ending) return end_body();
  const bool is_malformed = stage_ == Stage::body && chunks_.is_malformed();
  if (input.empty() && !is_malformed) return {};
  switch (stage_) {
    case Stage::proxied:
      return on_proxy_header(input);
    case Stage::answering:
      return make(Event::Kind::blocked);
    case Stage::body:
      return framing_.length ? on_body(input) : on_chunks(input);
    case Stage::over:
      take(input, input.size());
      return {};
    case Stage::swallowing:
      swallow(input);
      return input.empty() ? Event{} : next(input);
    default:
      return on_head(input);
  }
}

Event HttpDecoder::on_proxy_header(std::string_view& input) {
  const std::size_t before = input.size();
  const ProxyHeader::Result result = proxy_header_->feed(input);
  offset_ += before - input.size();
  if (result == ProxyHeader::Result::need_more) return {};
  if (result == ProxyHeader::Result::malformed) {
    Event event = make(Event::Kind::fatal);
    event.detail = proxy_header_->problem() + "; with --proxy-protocol each connection needs one";
    return event;
  }
  said_by_proxy_ = encode_proxy_header(proxy_header_->endpoints());
  if (const auto& endpoints = proxy_header_->endpoints()) {
    ends_.client_address = endpoints->source.address;
    ends_.client_port = endpoints->source.port;
  }
  proxy_header_.reset();
  stage_ = Stage::between;
  return next(input);
}

Event HttpDecoder::on_head(std::string_view& input) {
  if (stage_ == Stage::between) {
    skip_line_ends(input);
    if (input.empty()) return {};
    if (line_ends_ == 1) return refuse({400, "a CR before the request is followed by no LF"});
    stage_ = Stage::head;
  }
  const std::size_t before = gathered_.size();
  // Most heads come in one piece, and are read where they are.
  if (before > 0) gathered_.append(input.substr(0, max_params_ + 1 - before));
  const std::string_view head = before > 0 ? std::string_view(gathered_) : input;
  if (head.front() == kTlsHandshake) {
    return refuse(
        {400, "these are bytes of TLS, and this is plain HTTP: put TLS in front of appd"});
  }
  if (!gateway::is_token(head.substr(0, 1))) {
    return refuse({400, "the bytes are no request of HTTP"});
  }
  HttpHeadScanner::Found found = scanner_.look(head);
  if (found.refusal) return refuse(std::move(*found.refusal));
  if (found.size == 0) {
    if (before == 0) gathered_.assign(input);
    take(input, input.size());
    return {};
  }
  Event event = on_whole_head(head.substr(0, found.size));
  take(input, found.size - before);
  std::string().swap(gathered_);
  return event;
}

Event HttpDecoder::on_whole_head(std::string_view head) {
  block_ = blocks_.take();
  framing_ = {};
  auto refusal = read_http_head(head, *block_, framing_);
  add_ends();
  if (refusal) return refuse(std::move(*refusal));
  stage_ = Stage::complete;
  Event event = make(Event::Kind::request);
  event.keep_connection = framing_.keep_connection;
  event.body_on_wire = !framing_.length;
  event.http = framing_.terms;
  return event;
}

/// A client may end a body with a CRLF too many (RFC 9112 section 2.2).
void HttpDecoder::skip_line_ends(std::string_view& input) noexcept {
  constexpr std::string_view kLineEnd = "\r\n";
  while (line_ends_ < kLineEnd.size() && !input.empty() && input.front() == kLineEnd[line_ends_]) {
    take(input, 1);
    ++line_ends_;
  }
}

void HttpDecoder::add_ends() {
  auto& variables = block_->variables;
  auto& bytes = block_->bytes;
  const auto add = [&](std::string_view name, std::string_view value) {
    const std::size_t begin = bytes.size();
    assert(bytes.capacity() - begin >= value.size() && "the variables view the bytes");
    bytes.insert(bytes.end(), value.begin(), value.end());
    variables.push_back({name, {bytes.data() + begin, value.size()}});
  };
  add("REMOTE_ADDR", ends_.client_address);
  if (ends_.client_port != 0) add("REMOTE_PORT", fmt::format_int(ends_.client_port).c_str());
  if (ends_.server_port != 0) add("SERVER_PORT", fmt::format_int(ends_.server_port).c_str());
  const bool has_host = std::any_of(variables.begin(), variables.end(), [](const auto& variable) {
    return variable.name == "HTTP_HOST" && !variable.value.empty();
  });
  if (!has_host) add("SERVER_NAME", ends_.server_address);
}

Event HttpDecoder::on_body(std::string_view& input) {
  Event event = make(Event::Kind::body);
  event.bytes =
      take(input, static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input.size())));
  body_left_ -= event.bytes.size();
  if (body_left_ == 0) stage_ = Stage::ending;
  return event;
}

Event HttpDecoder::on_chunks(std::string_view& input) {
  const std::size_t before = input.size();
  std::string_view bytes;
  ChunkedBody::Step step = chunks_.next(input);
  for (; step.found == ChunkedBody::Found::bytes; step = chunks_.next(input)) {
    bytes = bytes.empty() ? step.bytes : gather(bytes, step.bytes);
  }
  offset_ += before - input.size();
  if (!bytes.empty()) {
    if (step.found == ChunkedBody::Found::end) stage_ = Stage::ending;
    Event event = make(Event::Kind::body);
    event.bytes = bytes;
    return event;
  }
  if (step.found == ChunkedBody::Found::malformed) return cut_body(step.problem);
  return step.found == ChunkedBody::Found::end ? end_body() : Event{};
}

/// Small chunks that come together are given together: each event may cost a system call.
std::string_view HttpDecoder::gather(std::string_view before, std::string_view bytes) {
  if (before.data() != gathered_.data()) gathered_.assign(before);
  return gathered_.append(bytes);
}

Event HttpDecoder::end_body() {
  stage_ = Stage::answering;
  return make(Event::Kind::body_end);
}

Event HttpDecoder::cut_body(const char* problem) {
  stage_ = Stage::over;
  owes_ = true;
  Event event = make(Event::Kind::body_cut);
  event.detail = fmt::format("the chunked body {} (byte {} of the connection)", problem, offset_);
  return event;
}

Event HttpDecoder::refuse(HttpRefusal refusal) {
  if (!block_) {
    block_ = blocks_.take();
    block_->bytes.reserve(kRoomForEnds);
    add_ends();
  }
  stage_ = Stage::over;
  owes_ = true;
  std::string().swap(gathered_);
  Event event = make(Event::Kind::refused);
  event.status = refusal.status;
  event.http = framing_.terms;
  event.detail = std::move(refusal.reason);
  return event;
}

void HttpDecoder::take_variables(RequestId, gateway::VariableBlock& into) {
  assert(block_);
  std::swap(*block_, into);
  blocks_.give_back(std::move(block_));
}

void HttpDecoder::expect_body(RequestId, std::optional<std::uint64_t> length) {
  assert(stage_ == Stage::complete && length.has_value() == framing_.length.has_value());
  body_left_ = length.value_or(0);
  chunks_ = {};
  stage_ = length == 0u ? Stage::ending : Stage::body;
}

void HttpDecoder::release(RequestId) {
  blocks_.give_back(std::move(block_));
  std::string().swap(gathered_);
  const bool whole = stage_ == Stage::answering || stage_ == Stage::ending;
  if (stage_ == Stage::over) return;
  if (stage_ == Stage::complete) {
    body_left_ = framing_.length.value_or(0);
    chunks_ = {};
  }
  owes_ = !whole && framing_.length != 0u;
  if (!framing_.keep_connection) {
    stage_ = Stage::over;
  } else if (owes_) {
    stage_ = Stage::swallowing;
  } else {
    begin_next();
  }
}

void HttpDecoder::begin_next() {
  stage_ = Stage::between;
  owes_ = false;
  line_ends_ = 0;
  scanner_ = HttpHeadScanner(max_params_);
}

void HttpDecoder::swallow(std::string_view& input) {
  if (framing_.length) {
    body_left_ -=
        take(input, static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input.size())))
            .size();
    if (body_left_ == 0) begin_next();
    return;
  }
  ChunkedBody::Step step;
  const std::size_t before = input.size();
  do {
    step = chunks_.next(input);
  } while (step.found == ChunkedBody::Found::bytes);
  offset_ += before - input.size();
  if (step.found == ChunkedBody::Found::end) begin_next();
  if (step.found == ChunkedBody::Found::malformed) stage_ = Stage::over;
}

std::string_view HttpDecoder::take(std::string_view& input, std::size_t most) noexcept {
  const auto bytes = input.substr(0, most);
  input.remove_prefix(bytes.size());
  offset_ += bytes.size();
  return bytes;
}

}  // namespace appd::protocol
