// A small response of the server's own: a refusal, or 504.
#pragma once

#include <string>
#include <string_view>

#include "runtime/gateway/exchange.hpp"

namespace appd::net {

/// A status and a sentence that says why, as plain text.
class ErrorResponse {
 public:
  /// `retry_after` is the value of the Retry-After field, in seconds; "" omits the field.
  ErrorResponse(unsigned code, std::string_view reason, std::string_view retry_after = {});

  /// The head refers to this object.
  gateway::ResponseHead head() const noexcept { return {status_, fields_, true}; }
  std::string_view body() const noexcept { return body_; }

 private:
  std::string status_;
  std::string body_;
  std::string fields_;
};

}  // namespace appd::net
