// Encodes and cuts FastCGI records.

#include "protocol/fastcgi_records.hpp"

#include <algorithm>

namespace appd::protocol::fastcgi {
namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t index) noexcept {
  return static_cast<std::uint8_t>(bytes[index]);
}

RecordHeader decode_header(std::string_view bytes) noexcept {
  return {byte_at(bytes, 0), static_cast<RecordType>(byte_at(bytes, 1)), read_u16(bytes.substr(2)),
          read_u16(bytes.substr(4)), byte_at(bytes, 6)};
}

}  // namespace

std::uint16_t read_u16(std::string_view bytes) noexcept {
  return static_cast<std::uint16_t>(byte_at(bytes, 0) << 8 | byte_at(bytes, 1));
}

std::array<char, kHeaderSize> encode_header(RecordType type, RequestId id,
                                            std::size_t content_length) noexcept {
  const auto high = [](std::size_t value) { return static_cast<char>(value >> 8 & 0xff); };
  const auto low = [](std::size_t value) { return static_cast<char>(value & 0xff); };
  return {static_cast<char>(kVersion), static_cast<char>(type), high(id), low(id),
          high(content_length),        low(content_length),     0,        0};
}

std::array<char, kHeaderSize + kEndSize> encode_end_request(RequestId id,
                                                            ProtocolStatus status) noexcept {
  std::array<char, kHeaderSize + kEndSize> record{};
  const auto header = encode_header(RecordType::end_request, id, kEndSize);
  std::copy(header.begin(), header.end(), record.begin());
  record[kHeaderSize + 4] = static_cast<char>(status);
  return record;
}

RecordPiece RecordReader::next(std::string_view& input) noexcept {
  if (!inside_content_) {
    skip_padding(input);
    if (!take_header(input)) return {};
    if (header_.version != kVersion) return {RecordPiece::Kind::bad_version, false, {}};
    content_left_ = header_.content_length;
    padding_left_ = header_.padding_length;
    inside_content_ = true;
  }
  if (content_left_ > 0 && input.empty()) return {};
  const auto bytes = input.substr(0, content_left_);
  advance(input, bytes.size());
  content_left_ -= bytes.size();
  inside_content_ = content_left_ > 0;
  return {RecordPiece::Kind::content, !inside_content_, bytes};
}

bool RecordReader::take_header(std::string_view& input) noexcept {
  if (input.empty()) return false;
  if (partial_size_ == 0) record_offset_ = offset_;
  if (partial_size_ == 0 && input.size() >= kHeaderSize) {
    header_ = decode_header(input);
    advance(input, kHeaderSize);
    return true;
  }
  const auto taken = std::min(input.size(), kHeaderSize - partial_size_);
  std::copy_n(input.data(), taken, partial_.data() + partial_size_);
  advance(input, taken);
  partial_size_ += taken;
  if (partial_size_ < kHeaderSize) return false;
  header_ = decode_header({partial_.data(), kHeaderSize});
  partial_size_ = 0;
  return true;
}

void RecordReader::skip_padding(std::string_view& input) noexcept {
  const auto skipped = std::min(input.size(), padding_left_);
  advance(input, skipped);
  padding_left_ -= skipped;
}

void RecordReader::advance(std::string_view& input, std::size_t bytes) noexcept {
  input.remove_prefix(bytes);
  offset_ += bytes;
}

}  // namespace appd::protocol::fastcgi
