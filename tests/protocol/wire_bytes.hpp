// Builds requests byte by byte for each wire.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// Bytes as a front sends them, written here without the code under test.
namespace appd::protocol::testing {

using Pairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;

inline std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text;
}

inline std::string record(unsigned type, unsigned id, std::string_view content,
                          unsigned padding = 0) {
  const auto size = static_cast<unsigned>(content.size());
  return bytes({1, type, id >> 8, id & 0xff, size >> 8, size & 0xff, padding, 0})
      .append(content)
      .append(padding, '#');
}

inline constexpr unsigned kClose = 0;
inline constexpr unsigned kKeep = 1;

inline std::string begin(unsigned id, unsigned flags = kClose, unsigned role = 1) {
  return record(1, id, bytes({role >> 8, role & 0xff, flags, 0, 0, 0, 0, 0}));
}
inline std::string abort_request(unsigned id) {
  return record(2, id, "");
}
inline std::string params(unsigned id, std::string_view content, unsigned padding = 0) {
  return record(4, id, content, padding);
}
inline std::string stdin_of(unsigned id, std::string_view content, unsigned padding = 0) {
  return record(5, id, content, padding);
}
inline std::string end_request(unsigned id, unsigned status) {
  return record(3, id, bytes({0, 0, 0, 0, status, 0, 0, 0}));
}

inline std::string long_length(std::size_t size) {
  const auto value = static_cast<unsigned>(size);
  return bytes({0x80 | value >> 24, value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff});
}
inline std::string pair_length(std::size_t size) {
  return size < 128 ? bytes({static_cast<unsigned>(size)}) : long_length(size);
}
inline std::string fastcgi_pairs(Pairs pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += pair_length(name.size()) + pair_length(value.size());
    text.append(name).append(value);
  }
  return text;
}

inline std::string u16_le(std::size_t value) {
  return bytes({static_cast<unsigned>(value & 0xff), static_cast<unsigned>(value >> 8 & 0xff)});
}
inline std::string uwsgi_block(Pairs pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += u16_le(name.size()).append(name);
    text += u16_le(value.size()).append(value);
  }
  return text;
}
inline std::string uwsgi_packet(std::string_view block, unsigned modifier1 = 0,
                                unsigned modifier2 = 0) {
  return (bytes({modifier1}) + u16_le(block.size()) + bytes({modifier2})).append(block);
}

inline std::string scgi_headers(Pairs pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text.append(name).append(1, '\0').append(value).append(1, '\0');
  }
  return text;
}
inline std::string netstring(std::string_view content) {
  return std::to_string(content.size()).append(":").append(content).append(",");
}

}  // namespace appd::protocol::testing
