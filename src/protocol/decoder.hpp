// The interface of all decoders: bytes of a connection in, events of its requests out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/gateway/variables.hpp"

namespace appd::protocol {

enum class Wire : std::uint8_t { fastcgi, uwsgi, scgi, http };

/// Identifies a request on its connection: FastCGI's request id; 0 for the other wires, whose
/// requests come one after the other.
using RequestId = std::uint16_t;

struct DecoderLimits {
  std::size_t max_params = 0;     ///< bytes of variables in one request, as on the wire
  std::size_t max_requests = 64;  ///< requests at once on one connection (FastCGI)

  /// Bytes of variables that a connection's incomplete requests may have together.
  std::size_t max_arriving() const noexcept { return 16 * max_params; }
};

/// What an HTTP request asks of its response, beside what its variables say.
struct HttpTerms {
  bool old_version = false;      ///< HTTP/1.0: the response must not come in chunks
  bool awaits_continue = false;  ///< the body follows once "100 Continue" was sent
};

struct Event {
  enum class Kind : std::uint8_t {
    starved,   ///< the input is used up; feed more
    blocked,   ///< the input goes on with another request (HTTP): feed it again after `release`
    request,   ///< variables complete: `take_variables`, then `expect_body` or `release`
    body,      ///< `bytes` of the body of `id`; views the input
    body_end,  ///< the body of `id` is complete (as expected, or by the stream's own end)
    body_cut,  ///< the body of `id` ended before its expected length, or is malformed
    aborted,   ///< the front gave `id` up; the decoder has forgotten it
    reply,     ///< `bytes` must be sent to the front unchanged, as soon as possible
    refused,   ///< `id` gets a response of `status`; `detail` says why, for log and response. The
               ///< decoder swallows the rest of that request; `release` it when answered
    fatal,     ///< close the connection; `detail` says why, and nothing can be answered
  };
  Kind kind = Kind::starved;
  RequestId id = 0;
  /// With `request`, `refused`, `reply`: whether the connection stays open after it. It does not
  /// after a ping's pong, or after refusing a role without KEEP_CONN.
  bool keep_connection = false;
  bool body_on_wire = false;  ///< with `request`: the wire marks the end of a body without a length
  HttpTerms http;             ///< with `request` and `refused`
  std::uint16_t status = 0;   ///< with `refused`
  std::string_view bytes;     ///< valid until the next call of `next`
  /// With `refused`, `fatal` and HTTP's `body_cut`: why; names the offset in the connection.
  std::string detail;
};

/// Turns the bytes of one connection into events: sans-IO, one thread, no clock, no log. The events
/// do not depend on how the input is split, except for the portions of body bytes. Never allocates
/// by a length that the peer declared.
class Decoder {
 public:
  virtual ~Decoder() = default;

  /// Takes bytes off the front of `input` until there is an event; `starved` takes all of them,
  /// `blocked` takes none.
  /// After `fatal`, destroy the decoder.
  virtual Event next(std::string_view& input) = 0;

  /// After `request`, and after HTTP's `refused`, for the log, with what could be read: moves the
  /// variables of `id` into `into`, whose memory goes back to the pool.
  /// They are as sent, except that uwsgi's modifier 30 cuts SCRIPT_NAME off PATH_INFO.
  virtual void take_variables(RequestId id, gateway::VariableBlock& into) = 0;

  /// After `request`, once, before the next call of `next`: sets the length of the body. With 0 a
  /// body_end follows at once, whatever the wire still holds; bytes beyond the length are
  /// swallowed. With std::nullopt the body ends where the wire says (FastCGI's empty STDIN, HTTP's
  /// last chunk); only if the request's `body_on_wire`.
  virtual void expect_body(RequestId id, std::optional<std::uint64_t> length) = 0;

  /// The request is answered and its id is free. What the front still sends for it is swallowed.
  virtual void release(RequestId id) = 0;

  /// True while a request has begun and its variables are incomplete (header timeout).
  virtual bool inside_head() const noexcept = 0;
  /// True while the front owes bytes of a released request, which must be drained before closing.
  /// Also true if the amount is unknown (a refused request of any wire but FastCGI).
  virtual bool owes_body() const noexcept = 0;
  /// True if everything taken from the connection, except what is over, is the whole request `id`.
  /// With that request encoded again, another decoder would go on just as this one.
  virtual bool holds_only(RequestId id) const noexcept = 0;
  /// True if everything taken from the connection is over. Another decoder would go on just as this
  /// one.
  virtual bool holds_nothing() const noexcept = 0;
  /// True while the PROXY protocol's header is due, or has come in part: nothing can be answered.
  virtual bool awaits_proxy() const noexcept { return false; }
  /// That header, which must come first for another decoder to go on just as this one. "" if there
  /// is none, or it is due.
  virtual std::string_view said_by_proxy() const noexcept { return {}; }
};

/// What the first bytes of a connection are.
struct Sniffed {
  enum class Kind : std::uint8_t { undecided, wire, http, tls, unknown };
  Kind kind = Kind::undecided;
  Wire wire = Wire::fastcgi;
};

/// Recognises the protocol by a connection's first bytes; a few are enough. `unknown` is final.
Sniffed sniff(std::string_view first_bytes) noexcept;

std::string_view name(Wire wire) noexcept;

}  // namespace appd::protocol
