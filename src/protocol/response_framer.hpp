// Frames a response for its wire.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decoder.hpp"
#include "runtime/gateway/exchange.hpp"

namespace appd::protocol {

/// A list of byte ranges for one gathered write, with storage for the framing among them. Reused:
/// `clear` keeps the memory. Ranges that are not framing view the caller's bytes.
class Gather {
 public:
  void clear() noexcept {
    parts_.clear();
    block_ = used_ = size_ = 0;
  }
  void add(std::string_view bytes) {  ///< views `bytes`
    if (bytes.empty()) return;
    // iovec serves reading too, so its pointer is not const; a write does not change the bytes.
    parts_.push_back({const_cast<char*>(bytes.data()), bytes.size()});
    size_ += bytes.size();
  }
  void add_copy(std::string_view framing);  ///< stores `framing` itself (at most a few dozen bytes)
  std::span<const iovec> parts() const noexcept { return parts_; }
  std::size_t size() const noexcept { return size_; }  ///< bytes in all

 private:
  // Framing is kept in blocks of fixed size, so adding more never moves what `parts_` points to.
  static constexpr std::size_t kBlock = 1024;
  std::vector<iovec> parts_;
  std::vector<std::unique_ptr<std::array<char, kBlock>>> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
  std::size_t size_ = 0;
};

/// How to end a response that cannot be completed, so that the front sees it as incomplete.
enum class Break : std::uint8_t {
  close,         ///< close the connection, send nothing more
  end_request,   ///< END_REQUEST without the empty STDOUT, then close
  corrupt,       ///< a record header of version 0, then close
  end_and_keep,  ///< END_REQUEST; the connection stays for its other requests
};

/// The right way for a FastCGI response. It depends on the front, on whether a Content-Length was
/// announced, and on whether the connection has other requests. uwsgi and SCGI can only close.
Break choose_break(Wire wire, gateway::Front front, bool length_announced,
                   bool other_requests) noexcept;

/// What the head of an HTTP response says beside the application's fields.
struct HttpHeadFacts {
  bool to_head = false;  ///< the request's method is HEAD
  bool keeps_connection = false;
  std::string_view date{};  ///< as in the Date field; for a head that has none
};

/// Frames one response for its wire. Pure; loop and pool threads use the same rules.
class ResponseFramer {
 public:
  ResponseFramer() = default;
  ResponseFramer(Wire wire, RequestId id, HttpTerms terms = {}) noexcept
      : wire_(wire), id_(id), terms_(terms) {}

  /// Writes the head's text to `out`, which it clears first, and decides how the body is framed.
  /// FastCGI and SCGI get "Status: 200 OK", uwsgi and HTTP a status line. Every line ends with
  /// CRLF, and an empty line ends the head. `facts` are for HTTP, whose body without a length comes
  /// in chunks.
  void write_head(const gateway::ResponseHead& head, const HttpHeadFacts& facts, std::string& out);
  /// After `write_head`: the connection can serve another request. Always true but for HTTP.
  bool keeps_connection() const noexcept { return keeps_connection_; }
  /// After `write_head`: the body's bytes do not go out as they are.
  bool frames_body() const noexcept { return wire_ == Wire::fastcgi || chunked_; }
  /// After `write_head`: the bytes tell whether the response is complete. If not, only a reset
  /// tells that it was broken off.
  bool shows_its_end() const noexcept { return shows_its_end_; }

  /// Appends head and body; the whole head shares one FastCGI record with as much body as fits. An
  /// empty head means that it is already out. `last` adds the response's end. Without `last`, an
  /// empty head and body add nothing. HTTP's pieces share one chunk.
  void frame(std::string_view head, std::span<const std::string_view> body, bool last,
             Gather& out) const;

  /// Appends `text` as FastCGI STDERR records; `last` adds the stream's end. Call it only between
  /// the head and the response's end. Adds nothing on other wires.
  void frame_error_text(std::string_view text, bool last, Gather& out) const;

  void frame_break(Break how, Gather& out) const;

  /// Largest content of one FastCGI record; a multiple of 8.
  static constexpr std::size_t kMaxRecord = 65528;

 private:
  void frame_plain(std::string_view head, std::span<const std::string_view> body, bool last,
                   Gather& out) const;

  Wire wire_ = Wire::fastcgi;
  RequestId id_ = 0;
  HttpTerms terms_;
  // Set with the head.
  bool chunked_ = false;
  bool keeps_connection_ = true;
  bool shows_its_end_ = false;
};

/// Tells an HTTP client to send the body that it holds back (RFC 9110 section 15.2.1).
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace appd::protocol
