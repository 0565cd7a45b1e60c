// Composes the head and the text of a response of the server's own.

#include "runtime/net/error_response.hpp"

#include <fmt/format.h>

#include "runtime/gateway/reason_phrase.hpp"

namespace appd::net {

ErrorResponse::ErrorResponse(unsigned code, std::string_view reason, std::string_view retry_after)
    : status_(fmt::format("{} {}", code, gateway::reason_phrase(code))),
      body_(fmt::format("{}\n{}\n", status_, reason)),
      fields_(fmt::format("Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n",
                          body_.size())) {
  if (!retry_after.empty()) fields_ += fmt::format("Retry-After: {}\r\n", retry_after);
}

}  // namespace appd::net
