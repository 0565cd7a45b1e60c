// The record layer of FastCGI.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/decoder.hpp"

/// FastCGI 1.0's record layer (specification, sections 3.3 and 8): framing only, without rules
/// about the order of records.
namespace appd::protocol::fastcgi {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kHeaderSize = 8;
inline constexpr RequestId kManagementId = 0;  ///< records that concern the connection

/// The bytes of an encoded record or header.
template <std::size_t N>
std::string_view view(const std::array<char, N>& bytes) noexcept {
  return {bytes.data(), N};
}

enum class RecordType : std::uint8_t {
  begin_request = 1,
  abort_request = 2,
  end_request = 3,
  params = 4,
  stdin_stream = 5,
  stdout_stream = 6,
  stderr_stream = 7,
  data = 8,
  get_values = 9,
  get_values_result = 10,
  unknown_type = 11,
};

/// END_REQUEST's protocolStatus.
enum class ProtocolStatus : std::uint8_t {
  request_complete = 0,
  cannot_multiplex = 1,
  overloaded = 2,
  unknown_role = 3,
};

/// BEGIN_REQUEST's content: role (u16), flags (u8), 5 reserved bytes.
inline constexpr std::size_t kBeginSize = 8;
inline constexpr std::uint16_t kResponder = 1;
/// Bit 0 of the flags; the others have no meaning.
inline constexpr std::uint8_t kKeepConnection = 1;

inline constexpr std::size_t kEndSize = 8;

/// A record's first 8 bytes. `type` is whatever the peer sent, known or not.
struct RecordHeader {
  std::uint8_t version;
  RecordType type;
  RequestId id;
  std::uint16_t content_length;
  std::uint8_t padding_length;
};

/// Big-endian u16 at the front of `bytes`.
std::uint16_t read_u16(std::string_view bytes) noexcept;

/// The header of a record without padding.
std::array<char, kHeaderSize> encode_header(RecordType type, RequestId id,
                                            std::size_t content_length) noexcept;
/// A whole END_REQUEST record with appStatus 0.
std::array<char, kHeaderSize + kEndSize> encode_end_request(RequestId id,
                                                            ProtocolStatus status) noexcept;

/// A part of one record's content.
struct RecordPiece {
  enum class Kind : std::uint8_t {
    starved,      ///< the input is used up
    content,      ///< `bytes` of the content of `RecordReader::header`; empty for an empty record
    bad_version,  ///< the header's version is not 1: nothing after it can be understood
  };
  Kind kind = Kind::starved;
  bool last = false;       ///< the record's content ends with these bytes
  std::string_view bytes;  ///< views the input
};

/// Cuts a connection's bytes into records, however they are split. Content is passed on as it
/// arrives; padding is skipped.
///
///      header (8)        content (0..65535)   padding (0..255)
///     [v t id len p r]  [................]   [//////]
class RecordReader {
 public:
  /// Takes bytes off the front of `input` up to the next piece, or all of them (`starved`).
  RecordPiece next(std::string_view& input) noexcept;

  /// The header of the record whose piece was given last.
  const RecordHeader& header() const noexcept { return header_; }
  /// Where that header began, counted from the connection's first byte.
  std::uint64_t record_offset() const noexcept { return record_offset_; }
  /// True between a record's first byte and the end of its content.
  bool inside_record() const noexcept { return partial_size_ > 0 || inside_content_; }
  /// True if the next byte is the first of a record.
  bool at_boundary() const noexcept { return !inside_record() && padding_left_ == 0; }

 private:
  bool take_header(std::string_view& input) noexcept;
  void skip_padding(std::string_view& input) noexcept;
  void advance(std::string_view& input, std::size_t bytes) noexcept;

  RecordHeader header_{};
  std::array<char, kHeaderSize> partial_{};  // a header that has arrived in part
  std::size_t partial_size_ = 0;
  std::size_t content_left_ = 0;
  std::size_t padding_left_ = 0;
  bool inside_content_ = false;
  std::uint64_t offset_ = 0;  // bytes taken so far
  std::uint64_t record_offset_ = 0;
};

}  // namespace appd::protocol::fastcgi
