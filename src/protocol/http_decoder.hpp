// The decoder of HTTP connections.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/chunked_body.hpp"
#include "protocol/decoder.hpp"
#include "protocol/http_head.hpp"
#include "protocol/proxy_header.hpp"
#include "runtime/gateway/block_pool.hpp"

namespace appd::protocol {

/// The two ends of a connection, as a front would tell them.
struct HttpEnds {
  std::string client_address;  ///< "" if it has none (a Unix socket)
  std::uint16_t client_port = 0;
  std::string server_address;
  std::uint16_t server_port = 0;
  bool proxied = false;  ///< the PROXY protocol's header comes first, and may tell the client
};

/// HTTP/1.1 and 1.0 (RFC 9112). One request at a time: the next one is read once the one before it
/// is released, so that responses come in order. What is malformed is refused, and ends the
/// connection, since nobody knows where the next request would begin.
///
///     (proxied)
///        ▼
///     between ──► head ──► complete ──► body ──► ending ──► answering
///        ▲                                 └───────┬──────────┘
///        │                                      release
///        ├──────────────── swallowing ◄────────────┤
///        └─────────────────────────────────────────┘      or, if the connection ends: over
class HttpDecoder final : public Decoder {
 public:
  HttpDecoder(const DecoderLimits& limits, gateway::BlockPool& blocks, HttpEnds ends)
      : max_params_(limits.max_params),
        blocks_(blocks),
        ends_(std::move(ends)),
        proxy_header_(ends_.proxied ? std::make_unique<ProxyHeader>() : nullptr),
        stage_(ends_.proxied ? Stage::proxied : Stage::between),
        scanner_(max_params_) {}

  Event next(std::string_view& input) override;
  void take_variables(RequestId id, gateway::VariableBlock& into) override;
  void expect_body(RequestId id, std::optional<std::uint64_t> length) override;
  void release(RequestId id) override;
  bool inside_head() const noexcept override {
    return stage_ == Stage::head || (stage_ == Stage::proxied && offset_ > 0);
  }
  bool owes_body() const noexcept override {
    return stage_ == Stage::swallowing || (stage_ == Stage::over && owes_);
  }
  bool holds_only(RequestId) const noexcept override { return stage_ == Stage::answering; }
  bool holds_nothing() const noexcept override {
    return (stage_ == Stage::between && line_ends_ != 1) ||
           (stage_ == Stage::proxied && offset_ == 0);
  }
  bool awaits_proxy() const noexcept override { return stage_ == Stage::proxied; }
  std::string_view said_by_proxy() const noexcept override { return said_by_proxy_; }

 private:
  enum class Stage : std::uint8_t {
    proxied,     // the header of the PROXY protocol has not come, or only in part
    between,     // no byte of a request has come
    head,        // up to the empty line
    complete,    // `request` was given; the caller owes expect_body or release
    body,        // of the present request
    ending,      // the body is complete; the next event says so
    answering,   // the request is complete, and not released
    swallowing,  // the rest of a released request's body
    over,        // everything that still comes is swallowed
  };

  Event on_proxy_header(std::string_view& input);
  Event on_head(std::string_view& input);
  Event on_whole_head(std::string_view head);
  Event on_body(std::string_view& input);
  Event on_chunks(std::string_view& input);
  std::string_view gather(std::string_view before, std::string_view bytes);
  Event end_body();
  Event cut_body(const char* problem);
  Event refuse(HttpRefusal refusal);
  void swallow(std::string_view& input);
  void skip_line_ends(std::string_view& input) noexcept;
  void add_ends();
  void begin_next();
  std::string_view take(std::string_view& input, std::size_t most) noexcept;

  std::size_t max_params_;
  gateway::BlockPool& blocks_;
  HttpEnds ends_;
  std::unique_ptr<ProxyHeader> proxy_header_;  // until it is complete
  std::string said_by_proxy_;
  gateway::BlockPool::Block block_;  // from the end of a head until it is taken

  Stage stage_;
  bool owes_ = false;           // the end of what is swallowed is not known, or has not come
  std::uint8_t line_ends_ = 0;  // bytes skipped before the request
  std::uint64_t offset_ = 0;    // bytes of the connection taken so far
  std::string gathered_;        // what has come of an incomplete head; chunks that came together
  HttpHeadScanner scanner_;
  HttpFraming framing_;  // of the present request
  std::uint64_t body_left_ = 0;
  ChunkedBody chunks_;
};

}  // namespace appd::protocol
