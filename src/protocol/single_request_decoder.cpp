// The part of a request's life that uwsgi and SCGI share.

#include "protocol/single_request_decoder.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace appd::protocol {

Event SingleRequestDecoder::next(std::string_view& input) {
  if (stage_ == Stage::head) return on_head(input);
  if (stage_ == Stage::ending) return end_body();
  return on_body(input);
}

Event SingleRequestDecoder::on_body(std::string_view& input) {
  assert(stage_ != Stage::complete && "expect_body or release is due before next");
  const auto bytes = take(input, static_cast<std::size_t>(std::min<std::uint64_t>(
                                     body_left_.value_or(input.size()), input.size())));
  if (body_left_) *body_left_ -= bytes.size();
  if (stage_ == Stage::body && !bytes.empty()) {
    if (body_left_ == 0u) stage_ = Stage::ending;
    Event event;
    event.kind = Event::Kind::body;
    event.bytes = bytes;
    return event;
  }
  take(input, input.size());
  return {};
}

Event SingleRequestDecoder::end_body() {
  stage_ = Stage::over;
  Event event;
  event.kind = Event::Kind::body_end;
  return event;
}

void SingleRequestDecoder::take_variables(RequestId, gateway::VariableBlock& into) {
  assert(stage_ == Stage::complete);
  std::swap(*block_, into);
  blocks_.give_back(std::move(block_));
}

void SingleRequestDecoder::expect_body(RequestId, std::optional<std::uint64_t> length) {
  assert(stage_ == Stage::complete && length);
  body_left_ = length;
  stage_ = length == 0u ? Stage::ending : Stage::body;
}

void SingleRequestDecoder::release(RequestId) {
  released_ = true;
  stage_ = Stage::over;
}

std::string_view SingleRequestDecoder::take(std::string_view& input, std::size_t most) noexcept {
  const auto bytes = input.substr(0, most);
  input.remove_prefix(bytes.size());
  offset_ += bytes.size();
  return bytes;
}

bool SingleRequestDecoder::collect_block(std::string_view& input, std::size_t size) {
  const auto wanted = std::min(size, max_params_);
  std::vector<char>& collected = block_->bytes;
  const auto bytes = take(input, wanted - collected.size());
  collected.insert(collected.end(), bytes.begin(), bytes.end());
  return collected.size() == wanted;
}

Event SingleRequestDecoder::complete() {
  stage_ = Stage::complete;
  Event event;
  event.kind = Event::Kind::request;
  return event;
}

Event SingleRequestDecoder::refuse(unsigned status, std::string detail) {
  stage_ = Stage::over;
  Event event;
  event.kind = Event::Kind::refused;
  event.status = static_cast<std::uint16_t>(status);
  event.detail = std::move(detail);
  return event;
}

Event SingleRequestDecoder::reply_and_close(std::string_view bytes) {
  stage_ = Stage::over;
  Event event;
  event.kind = Event::Kind::reply;
  event.bytes = bytes;
  return event;
}

}  // namespace appd::protocol
