// Tests of FastCGI's record layer.

#include "protocol/fastcgi_records.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocol/wire_bytes.hpp"

namespace appd::protocol::fastcgi {
namespace {

using namespace protocol::testing;
using Kind = RecordPiece::Kind;

template <std::size_t N>
std::string text(const std::array<char, N>& bytes) {
  return {bytes.data(), N};
}

TEST_SUITE("fastcgi records") {
  TEST_CASE("a header is read field by field") {
    RecordReader reader;
    const auto bytes = record(5, 0x0102, std::string(0x0304, 'x'), 9);
    std::string_view input = bytes;
    const auto piece = reader.next(input);
    CHECK_EQ(piece.kind, Kind::content);
    CHECK(piece.last);
    CHECK_EQ(piece.bytes.size(), 0x0304);
    CHECK_EQ(reader.header().version, 1);
    CHECK_EQ(reader.header().type, RecordType::stdin_stream);
    CHECK_EQ(reader.header().id, 0x0102);
    CHECK_EQ(reader.header().content_length, 0x0304);
    CHECK_EQ(reader.header().padding_length, 9);
  }

  TEST_CASE("content comes as it arrives, padding never") {
    RecordReader reader;
    const auto bytes = record(5, 1, "abcdef", 3) + record(4, 1, "");
    std::string_view input = std::string_view(bytes).substr(0, 10);
    auto piece = reader.next(input);
    CHECK_EQ(piece.bytes, "ab");
    CHECK_FALSE(piece.last);
    CHECK(reader.inside_record());
    CHECK_EQ(reader.next(input).kind, Kind::starved);

    input = std::string_view(bytes).substr(10);
    piece = reader.next(input);
    CHECK_EQ(piece.bytes, "cdef");
    CHECK(piece.last);
    CHECK_FALSE(reader.inside_record());
    piece = reader.next(input);
    CHECK_EQ(reader.header().type, RecordType::params);
    CHECK(piece.last);
    CHECK(piece.bytes.empty());
    CHECK(input.empty());
  }

  TEST_CASE("the largest record, 65798 bytes, in single bytes") {
    RecordReader reader;
    const auto bytes = record(6, 1, std::string(65535, 'x'), 255) + record(3, 1, "");
    std::size_t content = 0;
    bool last = false;
    for (std::size_t i = 0; i < 65798; ++i) {
      std::string_view input = std::string_view(bytes).substr(i, 1);
      const auto piece = reader.next(input);
      REQUIRE(input.empty());
      content += piece.bytes.size();
      last = last || piece.last;
    }
    CHECK_EQ(content, 65535);
    CHECK(last);
    std::string_view input = std::string_view(bytes).substr(65798);
    CHECK_EQ(reader.next(input).kind, Kind::content);
    CHECK_EQ(reader.record_offset(), 65798);
  }

  TEST_CASE("a record's offset is that of its first byte, also when the header comes in parts") {
    RecordReader reader;
    const auto bytes = record(5, 1, "abc", 2) + record(5, 1, "d");
    std::string_view input = std::string_view(bytes).substr(0, 15);
    reader.next(input);
    CHECK_EQ(reader.record_offset(), 0);
    CHECK_EQ(reader.next(input).kind, Kind::starved);
    CHECK(reader.inside_record());
    input = std::string_view(bytes).substr(15);
    CHECK_EQ(reader.next(input).bytes, "d");
    CHECK_EQ(reader.record_offset(), 13);
  }

  TEST_CASE("another version is told at the header's end") {
    RecordReader reader;
    auto bytes = record(5, 1, "");
    bytes[0] = 2;
    std::string_view input = bytes;
    CHECK_EQ(reader.next(input).kind, Kind::bad_version);
    CHECK_EQ(reader.header().version, 2);
  }

  TEST_CASE("headers and END_REQUEST are written in network byte order") {
    CHECK_EQ(text(encode_header(RecordType::stdout_stream, 0x0102, 0xfff8)),
             bytes({1, 6, 1, 2, 0xff, 0xf8, 0, 0}));
    CHECK_EQ(text(encode_end_request(0x0102, ProtocolStatus::unknown_role)),
             bytes({1, 3, 1, 2, 0, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0}));
  }
}

}  // namespace
}  // namespace appd::protocol::fastcgi
