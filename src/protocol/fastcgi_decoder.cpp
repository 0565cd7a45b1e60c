// FastCGI's session rules: PARAMS, their limits (431), STDIN, keep_conn (net/session.cpp obeys it).

#include "protocol/fastcgi_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "protocol/variable_parsers.hpp"

namespace appd::protocol {

using fastcgi::ProtocolStatus;
using fastcgi::RecordPiece;
using fastcgi::RecordType;

namespace {

/// FCGI_MAX_CONNS: the usual backlog of a listening socket. Connections have no other limit.
constexpr std::string_view kMaxConnections = "4096";

/// Below this size a request's variables are not counted: so few bytes do not matter, however many
/// requests arrive at once.
constexpr std::size_t kUncounted = 16 * 1024;
/// The memory for whole records that a connection may keep.
constexpr std::size_t kKept = 64;

}  // namespace

Event FastcgiDecoder::next(std::string_view& input) {
  if (ending_ > 0) return end_body();
  if (arrived_.capacity() > kKept) std::string().swap(arrived_);
  for (;;) {
    const auto piece = reader_.next(input);
    if (piece.kind == RecordPiece::Kind::starved) return {};
    if (piece.kind == RecordPiece::Kind::bad_version) {
      return fatal(fmt::format("a record of version {}, not 1", reader_.header().version));
    }
    Event event = on_record(piece);
    if (event.kind != Event::Kind::starved) return event;
  }
}

Event FastcgiDecoder::on_record(const RecordPiece& piece) {
  if (reader_.header().id == fastcgi::kManagementId) return on_management(piece);
  switch (reader_.header().type) {
    case RecordType::begin_request:
      return on_begin(piece);
    case RecordType::abort_request:
      return on_abort();
    case RecordType::params:
      return on_params(piece.bytes);
    case RecordType::stdin_stream:
      return on_stdin(piece.bytes);
    default:  // DATA of a refused role, or a type that only the application's side sends
      return {};
  }
}

Event FastcgiDecoder::on_begin(const RecordPiece& piece) {
  if (reader_.header().content_length != fastcgi::kBeginSize) {
    return fatal(fmt::format("a BEGIN_REQUEST record of {} bytes, not {}",
                             reader_.header().content_length, fastcgi::kBeginSize));
  }
  const auto body = whole_content(piece);
  return body ? begin_request(*body) : Event{};
}

Event FastcgiDecoder::begin_request(std::string_view body) {
  const auto id = reader_.header().id;
  const auto role = fastcgi::read_u16(body);
  const bool keep = (static_cast<std::uint8_t>(body[2]) & fastcgi::kKeepConnection) != 0;
  if (find(id) != nullptr) {
    return fatal(fmt::format("a second BEGIN_REQUEST for request {}, which is active", id));
  }
  // STDIN that the front still owes for this id's last request comes before its BEGIN, or never.
  owing_.remove(id);
  if (role != fastcgi::kResponder) {
    owing_.add(id);
    return reply_end(id, ProtocolStatus::unknown_role, keep || active_ > 0);
  }
  if (active_ >= limits_.max_requests) {
    owing_.add(id);
    return reply_end(id, ProtocolStatus::cannot_multiplex, true);
  }
  if (active_ == requests_.size()) requests_.emplace_back();
  Request& request = requests_[active_++];
  request.id = id;
  request.state = State::head;
  request.keep_connection = keep;
  request.stdin_ended = false;
  request.body_left = 0;
  request.block = blocks_.take();
  return {};
}

Event FastcgiDecoder::on_abort() {
  Request* request = find(reader_.header().id);
  if (request == nullptr) return {};
  const auto id = request->id;
  const bool nobody_knows_it = request->state == State::head;
  const bool keep = request->keep_connection || active_ > 1;
  forget(*request);
  if (nobody_knows_it) return reply_end(id, ProtocolStatus::request_complete, keep);
  Event event;
  event.kind = Event::Kind::aborted;
  event.id = id;
  return event;
}

Event FastcgiDecoder::on_params(std::string_view bytes) {
  Request* request = find(reader_.header().id);
  if (request == nullptr || request->state == State::refused) return {};
  if (request->state != State::head) {
    return fatal(fmt::format("PARAMS of request {} after their end", request->id));
  }
  return empty_record() ? finish_head(*request) : collect(*request, bytes);
}

Event FastcgiDecoder::collect(Request& request, std::string_view bytes) {
  auto& block = *request.block;
  const auto room = limits_.max_params - block.bytes.size();
  const auto taken = bytes.substr(0, room);
  block.bytes.insert(block.bytes.end(), taken.begin(), taken.end());
  if (bytes.size() <= room) {
    if (block.bytes.size() <= kUncounted || variables_arriving() <= limits_.max_arriving())
      return {};
    return refuse(
        request, 503, request.keep_connection,
        fmt::format("the variables of the requests that arrive at once on this connection "
                    "take more than {} bytes",
                    limits_.max_arriving()));
  }
  const auto rest = parse_fastcgi_pairs({block.bytes.data(), block.bytes.size()}, block.variables);
  return refuse(request, 431, request.keep_connection,
                describe_excess(limits_.max_params, block.variables, rest));
}

std::size_t FastcgiDecoder::variables_arriving() const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < active_; ++i) {
    if (requests_[i].state == State::head) bytes += requests_[i].block->bytes.size();
  }
  return bytes;
}

Event FastcgiDecoder::finish_head(Request& request) {
  auto& block = *request.block;
  if (block.bytes.empty()) {
    return refuse(
        request, 400, request.keep_connection,
        fmt::format("no variables: PARAMS end where they begin, at byte {} of the connection",
                    reader_.record_offset()));
  }
  const auto rest = parse_fastcgi_pairs({block.bytes.data(), block.bytes.size()}, block.variables);
  if (are_too_many(block.variables)) {
    return refuse(request, 431, request.keep_connection, describe_too_many());
  }
  if (rest) {
    return refuse(
        request, 400, false,
        fmt::format("malformed PARAMS: the variable at their byte {} {}, which is at byte {} "
                    "of the connection",
                    rest.offset, rest.problem, reader_.record_offset()));
  }
  request.state = State::complete;
  Event event;
  event.kind = Event::Kind::request;
  event.id = request.id;
  event.keep_connection = request.keep_connection;
  event.body_on_wire = true;
  return event;
}

Event FastcgiDecoder::on_stdin(std::string_view bytes) {
  Request* request = find(reader_.header().id);
  if (request == nullptr) {
    if (empty_record()) owing_.remove(reader_.header().id);
    return {};
  }
  if (request->state == State::head) {
    return fatal(fmt::format("STDIN of request {} before the end of its PARAMS", request->id));
  }
  assert(request->state != State::complete && "expect_body or release is due before next");
  if (empty_record()) return on_stdin_end(*request);
  return request->state == State::body ? body_bytes(*request, bytes) : Event{};
}

Event FastcgiDecoder::body_bytes(Request& request, std::string_view bytes) {
  Event event;
  event.kind = Event::Kind::body;
  event.id = request.id;
  event.bytes = bytes;
  if (request.body_left) {
    event.bytes = bytes.substr(0, *request.body_left);
    *request.body_left -= event.bytes.size();
    if (*request.body_left == 0) {
      request.state = State::ending;
      ++ending_;
    }
  }
  return event;
}

Event FastcgiDecoder::on_stdin_end(Request& request) {
  request.stdin_ended = true;
  if (request.state != State::body) return {};
  request.state = State::over;
  Event event;
  event.kind = request.body_left ? Event::Kind::body_cut : Event::Kind::body_end;
  event.id = request.id;
  return event;
}

Event FastcgiDecoder::end_body() {
  const auto request = std::find_if(requests_.begin(), requests_.end(), [](const Request& each) {
    return each.state == State::ending;
  });
  request->state = State::over;
  --ending_;
  Event event;
  event.kind = Event::Kind::body_end;
  event.id = request->id;
  return event;
}

Event FastcgiDecoder::on_management(const RecordPiece& piece) {
  const auto type = reader_.header().type;
  if (type == RecordType::get_values) {
    const auto asked = whole_content(piece);
    return asked ? response_values(*asked) : Event{};
  }
  // A record of a request with id 0 is ignored. An unknown type gets a reply.
  const bool of_a_request = type >= RecordType::begin_request && type <= RecordType::data;
  return piece.last && !of_a_request ? reply_to_unknown_type() : Event{};
}

Event FastcgiDecoder::response_values(std::string_view asked) {
  const auto max_requests = fmt::to_string(limits_.max_requests);
  const std::array<gateway::Variable, 3> known{{{"FCGI_MAX_CONNS", kMaxConnections},
                                                {"FCGI_MAX_REQS", max_requests},
                                                {"FCGI_MPXS_CONNS", "1"}}};
  std::vector<gateway::Variable> names;
  parse_fastcgi_pairs(asked, names);
  std::string content;
  for (const auto& value : known) {
    const auto is_it = [&](const gateway::Variable& each) { return each.name == value.name; };
    if (std::none_of(names.begin(), names.end(), is_it)) continue;
    content += static_cast<char>(value.name.size());
    content += static_cast<char>(value.value.size());
    content += value.name;
    content += value.value;
  }
  const auto header =
      fastcgi::encode_header(RecordType::get_values_result, fastcgi::kManagementId, content.size());
  return reply(std::string(fastcgi::view(header)) + content, true);
}

Event FastcgiDecoder::reply_to_unknown_type() {
  std::array<char, 8> content{static_cast<char>(reader_.header().type)};
  const auto header =
      fastcgi::encode_header(RecordType::unknown_type, fastcgi::kManagementId, content.size());
  return reply(std::string(fastcgi::view(header)).append(fastcgi::view(content)), true);
}

void FastcgiDecoder::take_variables(RequestId id, gateway::VariableBlock& into) {
  Request* request = find(id);
  assert(request != nullptr && request->state == State::complete);
  if (request == nullptr) return;
  std::swap(*request->block, into);
  blocks_.give_back(std::move(request->block));
}

void FastcgiDecoder::expect_body(RequestId id, std::optional<std::uint64_t> length) {
  Request* request = find(id);
  assert(request != nullptr && request->state == State::complete);
  if (request == nullptr) return;
  request->body_left = length;
  request->state = length == 0u ? State::ending : State::body;
  if (request->state == State::ending) ++ending_;
}

void FastcgiDecoder::release(RequestId id) {
  Request* request = find(id);
  if (request == nullptr) return;  // aborted meanwhile
  if (!request->stdin_ended) owing_.add(id);
  forget(*request);
}

bool FastcgiDecoder::inside_head() const noexcept {
  // With nothing else going on, a record that has begun can only begin a request.
  if (active_ == 0) return owing_.empty() && reader_.inside_record();
  return std::any_of(requests_.begin(), requests_.begin() + static_cast<std::ptrdiff_t>(active_),
                     [](const Request& each) { return each.state == State::head; });
}

Event FastcgiDecoder::refuse(Request& request, unsigned status, bool keep_connection,
                             std::string detail) {
  request.state = State::refused;
  blocks_.give_back(std::move(request.block));
  Event event;
  event.kind = Event::Kind::refused;
  event.id = request.id;
  event.status = static_cast<std::uint16_t>(status);
  event.keep_connection = keep_connection;
  event.detail = std::move(detail);
  return event;
}

Event FastcgiDecoder::reply_end(RequestId id, ProtocolStatus status, bool keep_connection) {
  return reply(fastcgi::view(fastcgi::encode_end_request(id, status)), keep_connection);
}

Event FastcgiDecoder::reply(std::string_view bytes, bool keep_connection) {
  reply_ = bytes;
  Event event;
  event.kind = Event::Kind::reply;
  event.keep_connection = keep_connection;
  event.bytes = reply_;
  return event;
}

bool FastcgiDecoder::holds_nothing() const noexcept {
  return active_ == 0 && owing_.empty() && reader_.at_boundary();
}

bool FastcgiDecoder::holds_only(RequestId id) const noexcept {
  if (active_ != 1 || !owing_.empty() || !reader_.at_boundary()) return false;
  const Request& request = requests_.front();
  return request.id == id && request.state == State::over && request.stdin_ended;
}

Event FastcgiDecoder::fatal(std::string_view what) const {
  Event event;
  event.kind = Event::Kind::fatal;
  event.detail = fmt::format("{}, at byte {} of the connection", what, reader_.record_offset());
  return event;
}

std::optional<std::string_view> FastcgiDecoder::whole_content(const RecordPiece& piece) {
  if (piece.last && arriving_.empty()) return piece.bytes;
  arriving_ += piece.bytes;
  if (!piece.last) return std::nullopt;
  arrived_ = std::move(arriving_);
  arriving_ = {};
  return arrived_;
}

FastcgiDecoder::Request* FastcgiDecoder::find(RequestId id) noexcept {
  for (std::size_t i = 0; i < active_; ++i) {
    if (requests_[i].id == id) return &requests_[i];
  }
  return nullptr;
}

void FastcgiDecoder::forget(Request& request) noexcept {
  if (request.state == State::ending) --ending_;
  request.state = State::over;
  blocks_.give_back(std::move(request.block));
  Request& last = requests_[--active_];
  if (&last != &request) std::swap(last, request);
}

}  // namespace appd::protocol
