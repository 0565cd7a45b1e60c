// Parses a CGI head and counts the body.

#include "bench/load/cgi_content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace appd::load {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kLongestHead = 65536;

/// RFC 3875, 6.3: a head without a Status line means 200.
constexpr unsigned kImpliedStatus = 200;

bool same_name(std::string_view name, std::string_view lower) {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  });
}

/// The number that `text` begins with.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
}

}  // namespace

void CgiContent::clear() {
  head_.clear();
  head_ended_ = false;
  status_ = 0;
  announced_.reset();
  length_ = 0;
}

bool CgiContent::take(std::string_view bytes) {
  if (head_ended_) {
    length_ += bytes.size();
    return true;
  }
  const std::size_t searched = head_.size() - std::min(head_.size(), kHeadEnd.size() - 1);
  head_ += bytes;
  const std::size_t end = head_.find(kHeadEnd, searched);
  if (end == std::string::npos) return head_.size() <= kLongestHead;
  head_ended_ = true;
  length_ = head_.size() - end - kHeadEnd.size();
  return parse_head({head_.data(), end});
}

std::string CgiContent::missing() const {
  if (!head_ended_) return fmt::format("its head breaks off after {} bytes", head_.size());
  if (announced_ && !head_only_ && length_ != *announced_) {
    return fmt::format("its head announces {} bytes of body, {} came", *announced_, length_);
  }
  return {};
}

bool CgiContent::parse_head(std::string_view head) {
  status_ = kImpliedStatus;
  for (std::size_t begin = 0; begin < head.size();) {
    const std::size_t end = std::min(head.find("\r\n", begin), head.size());
    if (!parse_line(head.substr(begin, end - begin))) return false;
    begin = end + 2;
  }
  return true;
}

bool CgiContent::parse_line(std::string_view line) {
  constexpr std::string_view kStatusLine = "HTTP/1.";
  if (line.substr(0, kStatusLine.size()) == kStatusLine) {
    return parse_number(line.substr(std::min(line.find(' '), line.size())), status_);
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 1);
  if (same_name(name, "status")) return parse_number(value, status_);
  if (same_name(name, "content-length")) return parse_number(value, announced_.emplace());
  return true;
}

}  // namespace appd::load
