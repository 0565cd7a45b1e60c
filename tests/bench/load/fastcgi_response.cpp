// Checks FastCGI records up to END_REQUEST.

#include "bench/load/fastcgi_response.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace appd::load {
namespace {

// Section 8 of the FastCGI specification.
constexpr unsigned kVersion = 1;
constexpr unsigned kEndRequest = 3;
constexpr unsigned kStandardOutput = 6;
constexpr unsigned kStandardError = 7;
constexpr std::size_t kRecordHeader = 8;
constexpr std::size_t kEndRequestBody = 8;

/// Moves bytes from the front of `from` into `to`, of which `size` bytes are there already.
template <class Array>
void fill(Array& to, std::size_t& size, std::string_view& from) {
  const std::size_t part = std::min(to.size() - size, from.size());
  std::copy_n(from.begin(), part, to.begin() + static_cast<std::ptrdiff_t>(size));
  size += part;
  from.remove_prefix(part);
}

/// High byte first.
template <class Array>
unsigned number_at(const Array& bytes, std::size_t begin, std::size_t size) {
  unsigned number = 0;
  for (std::size_t i = begin; i < begin + size; ++i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

void FastcgiResponse::begin() {
  content_.clear();
  header_size_ = 0;
  end_body_size_ = 0;
  output_ended_ = false;
  ended_ = false;
}

bool FastcgiResponse::take(std::string_view bytes) {
  while (!bytes.empty()) {
    if (ended_) return wrong("bytes follow its END_REQUEST");
    if (header_size_ < kRecordHeader) {
      if (!take_header(bytes)) return false;
    } else if (content_left_ > 0) {
      if (!take_content(bytes)) return false;
    } else {
      take_padding(bytes);
    }
    const bool whole = header_size_ == kRecordHeader && content_left_ + padding_left_ == 0;
    if (whole && !on_record_end()) return false;
  }
  return true;
}

bool FastcgiResponse::take_end() {
  return ended_ || wrong("the connection was closed before END_REQUEST");
}

bool FastcgiResponse::take_header(std::string_view& bytes) {
  fill(header_, header_size_, bytes);
  return header_size_ < kRecordHeader || check_header();
}

bool FastcgiResponse::take_content(std::string_view& bytes) {
  const std::string_view part = bytes.substr(0, content_left_);
  content_left_ -= part.size();
  bytes.remove_prefix(part.size());
  return on_content(part);
}

void FastcgiResponse::take_padding(std::string_view& bytes) {
  const std::size_t part = std::min(padding_left_, bytes.size());
  padding_left_ -= part;
  bytes.remove_prefix(part);
}

bool FastcgiResponse::check_header() {
  if (header_[0] != kVersion) return wrong(fmt::format("a record of version {}", header_[0]));
  const unsigned id = number_at(header_, 2, 2);
  if (id != 1) return wrong(fmt::format("a record for request {} instead of 1", id));
  content_left_ = number_at(header_, 4, 2);
  padding_left_ = header_[6];
  switch (type()) {
    case kEndRequest:
      return content_left_ == kEndRequestBody || wrong("an END_REQUEST of a wrong length");
    case kStandardOutput:
      return !output_ended_ || wrong("an STDOUT record after the stream's end");
    case kStandardError:
      return true;
    default:
      return wrong(fmt::format("a record of type {}", type()));
  }
}

bool FastcgiResponse::on_content(std::string_view part) {
  if (type() == kEndRequest) {
    fill(end_body_, end_body_size_, part);
  } else if (type() == kStandardOutput && !content_.take(part)) {
    return wrong("its head is none");
  }
  return true;
}

bool FastcgiResponse::on_record_end() {
  header_size_ = 0;
  if (type() == kEndRequest) return on_end_request();
  if (type() == kStandardOutput && number_at(header_, 4, 2) == 0) output_ended_ = true;
  return true;
}

bool FastcgiResponse::on_end_request() {
  ended_ = true;
  const unsigned app_status = number_at(end_body_, 0, 4);
  const unsigned protocol_status = end_body_[4];
  if (app_status != 0 || protocol_status != 0) {
    return wrong(fmt::format("it ended with application status {}, protocol status {}", app_status,
                             protocol_status));
  }
  if (std::string missing = content_.missing(); !missing.empty()) return wrong(std::move(missing));
  return true;
}

}  // namespace appd::load
