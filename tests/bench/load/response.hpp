// The interface of the checkers: bytes in, complaint or end out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/load/wire.hpp"

namespace appd::load {

/// Follows one response after another through any cut of their bytes, and notices those that break
/// their wire's rules. It looks at no more than framing, status and lengths, copies no body, and
/// allocates nothing once warm.
///
///     begin → take … take → [ended()]          the wire says where a response ends
///     begin → take … take → take_end           it ends with the connection
class Response {
 public:
  virtual ~Response() = default;

  /// A new request was sent.
  virtual void begin() = 0;
  /// Takes bytes that came. Returns false if they cannot belong to a right response; complaint()
  /// says why.
  virtual bool take(std::string_view bytes) = 0;
  /// The server closed the connection. Returns false if the response was not complete;
  /// complaint() says why.
  virtual bool take_end() = 0;

  /// The response is complete, by what came so far.
  virtual bool ended() const = 0;
  /// The complete response leaves its connection open for the next request, if the wire keeps any.
  virtual bool connection_stays() const { return true; }
  virtual unsigned status() const = 0;
  virtual std::uint64_t length() const = 0;  ///< of the body, bytes

  std::string_view complaint() const { return complaint_; }

 protected:
  /// For `return wrong("…")`.
  bool wrong(std::string why) {
    complaint_ = std::move(why);
    return false;
  }

 private:
  std::string complaint_;
};

/// `head_only`: the request's method is HEAD, so that no body comes whatever the head announces.
std::unique_ptr<Response> make_response(Wire wire, bool head_only);

}  // namespace appd::load
