#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/gateway/block_pool.hpp"
#include "runtime/gateway/variables.hpp"

namespace appd::protocol {

enum class Wire : std::uint8_t { fastcgi, uwsgi, scgi };

/// Names one request on its connection: FastCGI's request id; 0 for uwsgi and SCGI.
using RequestId = std::uint16_t;

struct DecoderLimits {
  std::size_t max_params = 256 * 1024;  ///< bytes of variables in one request, as on the wire
  std::size_t max_requests = 64;        ///< requests at once on one connection (FastCGI)

  /// Bytes of variables of all requests together that are not complete on one connection.
  std::size_t max_arriving() const noexcept { return 16 * max_params; }
};

struct Event {
  enum class Kind : std::uint8_t {
    starved,   ///< the input is used up; feed more
    request,   ///< variables complete: take them with `take_variables`, then `expect_body` or
               ///< `release`
    body,      ///< `bytes` of the body of `id`, views into the input
    body_end,  ///< the body of `id` is complete (as expected, or at the stream's own end)
    body_cut,  ///< the front ended the body of `id` before its expected length
    aborted,   ///< the front gave `id` up; the decoder has forgotten it
    reply,     ///< `bytes` must be sent to the front as they are, as soon as the connection can
    refused,   ///< `id` gets a response of `status`; `detail` says why, for log and response. The
               ///< decoder swallows the rest of that request; `release` it when answered
    fatal,  ///< the connection cannot go on: close it. `detail` says why; nothing can be answered
  };
  Kind kind = Kind::starved;
  RequestId id = 0;
  bool keep_connection =
      false;  ///< with `request`, `refused`, `reply`: the connection stays open after
              ///< it. Not so: after a ping's pong, a role refused without KEEP_CONN
  std::uint16_t status = 0;  ///< with `refused`
  std::string_view bytes;    ///< valid until the next call of `next`
  std::string detail;        ///< with `refused` and `fatal`; names the offset in the connection
};

/// Turns the bytes of one connection into events: sans-IO, one thread, no clock, no log. Accepts
/// any split of the input and gives the same events (body bytes may come in other portions). Never
/// allocates by a length that the peer declared.
class Decoder {
 public:
  virtual ~Decoder() = default;

  /// Takes bytes off the front of `input` until an event is there; `starved` takes all of them.
  /// After `fatal` the decoder is only to be destroyed.
  virtual Event next(std::string_view& input) = 0;

  /// After `request`: moves the variables of `id` into `into` (whose memory goes back to the pool).
  /// They are as sent, but that uwsgi's modifier 30 has SCRIPT_NAME cut off PATH_INFO.
  virtual void take_variables(RequestId id, gateway::VariableBlock& into) = 0;

  /// After `request`, once, before `next` is called again: how long the body is. With 0 a body_end
  /// follows at once, whatever the wire still holds; bytes beyond the length are swallowed.
  /// nullopt: the body ends where the wire says (FastCGI's empty STDIN); not for uwsgi and SCGI.
  virtual void expect_body(RequestId id, std::optional<std::uint64_t> length) = 0;

  /// The request is answered: its id is free; what the front still sends for it is swallowed.
  virtual void release(RequestId id) = 0;

  /// True while a request's beginning is in and its variables are not complete (header timeout).
  virtual bool inside_head() const noexcept = 0;
  /// True when the front still owes bytes of a request that was released (to drain before closing);
  /// also when the length of what it owes is not known (a refused uwsgi or SCGI request).
  virtual bool owes_body() const noexcept = 0;
  /// True when all that was taken of the connection, but for what is over, is request `id`, whole:
  /// with it encoded anew, another decoder would go on just as this one.
  virtual bool holds_only(RequestId id) const noexcept = 0;
  /// True when all that was taken of the connection is over: another decoder would go on just as
  /// this one.
  virtual bool holds_nothing() const noexcept = 0;
};

/// `blocks` is where the memory for variables comes from while they arrive. It must be there when
/// the decoder is called, not when it is destroyed.
std::unique_ptr<Decoder> make_decoder(Wire wire, const DecoderLimits& limits,
                                      gateway::BlockPool& blocks);

/// What the first bytes of a connection are.
struct Sniffed {
  enum class Kind : std::uint8_t { undecided, wire, http, tls, unknown };
  Kind kind = Kind::undecided;
  Wire wire = Wire::fastcgi;
};

/// Tells the protocols apart by a connection's first bytes; a few are enough. `unknown` is final.
Sniffed sniff(std::string_view first_bytes) noexcept;

std::string_view name(Wire wire) noexcept;

}  // namespace appd::protocol
