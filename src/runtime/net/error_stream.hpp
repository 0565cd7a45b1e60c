// The application's text for wsgi.errors on its way to a FastCGI front.
#pragma once

#include <string>
#include <string_view>

#include "protocol/response_framer.hpp"

namespace appd::net {

/// The second stream of a FastCGI response. Collects text until it may go out, which is never
/// before the response's head. Used by the thread that responds.
class ErrorStream {
 public:
  void clear() noexcept {
    text_.clear();
    used_ = false;
  }
  void add(std::string_view text) { text_ += text; }
  bool waits() const noexcept { return !text_.empty(); }

  /// True if records of the stream must go out: text waits, or the response ends (`last`) and the
  /// stream was used.
  bool is_due(bool last) const noexcept { return waits() || (last && used_); }
  /// Adds these records, which refer to the text, to `gather`. `last` ends the stream.
  void frame(const protocol::ResponseFramer& framer, bool last, protocol::Gather& gather) {
    framer.frame_error_text(text_, last, gather);
    used_ = true;
  }
  /// What was framed has gone out.
  void on_sent() noexcept { text_.clear(); }

 private:
  std::string text_;
  bool used_ = false;
};

}  // namespace appd::net
