// Requests of HTTP clients, and what tests look for in the responses.
#pragma once

#include <string>
#include <string_view>

#include "fakes/front_socket.hpp"

namespace appd::test {

inline std::string get(const std::string& path, const std::string& fields = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: a.test\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& path, const std::string& fields,
                        const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: a.test\r\n" + fields + "\r\n" + body;
}
inline std::string upload(const std::string& path, const std::string& body) {
  return post(path, "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

/// How often `text` occurs.
inline std::size_t count(std::string_view bytes, std::string_view text) {
  std::size_t found = 0;
  for (std::size_t at = bytes.find(text); at != std::string_view::npos;
       at = bytes.find(text, at + text.size())) {
    ++found;
  }
  return found;
}

/// True once so many responses with a body that ends in "!" are there.
inline FrontSocket::Enough dots(std::size_t wanted) {
  return [wanted](const std::string& got) { return count(got, "!") >= wanted; };
}

inline bool has(std::string_view bytes, std::string_view text) {
  return bytes.find(text) != std::string_view::npos;
}

}  // namespace appd::test
