// The head of an HTTP request: request line and fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/decoder.hpp"
#include "runtime/gateway/variables.hpp"

namespace appd::protocol {

/// Why a request is refused.
struct HttpRefusal {
  std::uint16_t status = 400;
  std::string reason;
};

/// What a head says of the request's body, and of the connection.
struct HttpFraming {
  std::optional<std::uint64_t> length = 0;  ///< of the body; std::nullopt if it comes in chunks
  bool keep_connection = false;
  HttpTerms terms;
};

/// Finds the end of a head that arrives in pieces, and refuses one whose lines are no lines of
/// HTTP, or that is too large, before it is complete.
class HttpHeadScanner {
 public:
  explicit HttpHeadScanner(std::size_t most) noexcept : most_(most) {}

  struct Found {
    std::size_t size = 0;  ///< of the whole head with its empty line; 0 if it is incomplete
    std::optional<HttpRefusal> refusal{};
  };
  /// Looks at `head`: all that has come since the head began.
  Found look(std::string_view head);

  /// The longest request line, without its end.
  static constexpr std::size_t kMostRequestLine = 8192;

 private:
  std::optional<HttpRefusal> check_line(std::string_view line);
  HttpRefusal too_large(std::string_view head) const;

  std::size_t most_;
  std::size_t line_ = 0;     // where the present line begins
  std::size_t scanned_ = 0;  // bytes known to have no line end after `line_`
  std::size_t lines_ = 0;    // that are complete
};

/// Bytes that `read_http_head` leaves room for, for the two ends of the connection.
inline constexpr std::size_t kRoomForEnds = 512;

/// Reads a whole head (as HttpHeadScanner found it) into CGI variables, as a front would send them;
/// those about the two ends of the connection are not among them. Returns why it must be refused;
/// `framing.terms` is set even then, as far as known. RFC 9112, and stricter where two servers
/// could read a request differently.
std::optional<HttpRefusal> read_http_head(std::string_view head, gateway::VariableBlock& into,
                                          HttpFraming& framing);

}  // namespace appd::protocol
