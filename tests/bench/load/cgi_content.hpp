// Head and body of a response over FastCGI, uwsgi or SCGI.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace appd::load {

/// The head and the body that an application answers with over every wire but HTTP: a CGI head
/// ("Status: 200 OK") or one that begins as HTTP's does ("HTTP/1.1 200 OK").
class CgiContent {
 public:
  explicit CgiContent(bool head_only) : head_only_(head_only) {}

  void clear();
  /// Takes the next bytes. Returns false if the head is malformed.
  bool take(std::string_view bytes);

  /// Why what came is not a whole response; empty if it is one.
  std::string missing() const;
  unsigned status() const { return status_; }
  std::uint64_t length() const { return length_; }

 private:
  bool parse_head(std::string_view head);
  bool parse_line(std::string_view line);

  bool head_only_;
  std::string head_;  // as far as it has come
  bool head_ended_ = false;
  unsigned status_ = 0;
  std::optional<std::uint64_t> announced_;  // Content-Length
  std::uint64_t length_ = 0;
};

}  // namespace appd::load
