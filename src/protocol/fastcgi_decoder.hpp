// The decoder of FastCGI connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decoder.hpp"
#include "protocol/fastcgi_records.hpp"
#include "protocol/owed_ids.hpp"
#include "runtime/gateway/block_pool.hpp"

namespace appd::protocol {

/// FastCGI 1.0's session rules above the record layer, for responder requests: up to `max_requests`
/// of them at once on the connection, with any ids. Answers management queries by itself; sends
/// nothing unasked.
///
/// The life of one request:
///
///     BEGIN       PARAMS(0)       expect_body     as many bytes       next
///       └──▶ head ────▶ complete ────▶ body ─────────▶ ending ────▶ over ──▶ release
///              │                         └─── STDIN(0) ──────────────▲
///              └──▶ refused ──▶ release
class FastcgiDecoder final : public Decoder {
 public:
  FastcgiDecoder(const DecoderLimits& limits, gateway::BlockPool& blocks) noexcept
      : limits_(limits), blocks_(blocks) {}

  Event next(std::string_view& input) override;
  void take_variables(RequestId id, gateway::VariableBlock& into) override;
  void expect_body(RequestId id, std::optional<std::uint64_t> length) override;
  void release(RequestId id) override;
  bool inside_head() const noexcept override;
  bool owes_body() const noexcept override { return !owing_.empty(); }
  bool holds_only(RequestId id) const noexcept override;
  bool holds_nothing() const noexcept override;

 private:
  enum class State : std::uint8_t {
    head,      // PARAMS are being collected
    complete,  // `request` was given; the caller owes expect_body or release
    body,      // STDIN goes to the caller
    ending,    // the body is complete; the next event says so
    refused,   // the rest is swallowed
    over,      // the rest of STDIN is swallowed
  };

  struct Request {
    RequestId id = 0;
    State state = State::head;
    bool keep_connection = false;
    bool stdin_ended = false;
    std::optional<std::uint64_t> body_left;  // std::nullopt means until STDIN(0)
    gateway::BlockPool::Block block;         // null once taken
  };

  Event on_record(const fastcgi::RecordPiece& piece);
  Event on_begin(const fastcgi::RecordPiece& piece);
  Event begin_request(std::string_view body);
  Event on_abort();
  Event on_params(std::string_view bytes);
  Event collect(Request& request, std::string_view bytes);
  std::size_t variables_arriving() const noexcept;
  Event finish_head(Request& request);
  Event on_stdin(std::string_view bytes);
  Event body_bytes(Request& request, std::string_view bytes);
  Event on_stdin_end(Request& request);
  Event on_management(const fastcgi::RecordPiece& piece);
  Event response_values(std::string_view asked);
  Event reply_to_unknown_type();

  Event refuse(Request& request, unsigned status, bool keep_connection, std::string detail);
  Event reply_end(RequestId id, fastcgi::ProtocolStatus status, bool keep_connection);
  Event reply(std::string_view bytes, bool keep_connection);
  Event fatal(std::string_view what) const;

  Event end_body();

  /// The record's content, once all of it has arrived.
  std::optional<std::string_view> whole_content(const fastcgi::RecordPiece& piece);
  bool empty_record() const noexcept { return reader_.header().content_length == 0; }
  Request* find(RequestId id) noexcept;
  void forget(Request& request) noexcept;

  const DecoderLimits limits_;
  gateway::BlockPool& blocks_;
  fastcgi::RecordReader reader_;
  // The first `active_` are requests; the others are spare.
  std::vector<Request> requests_;
  std::size_t active_ = 0;
  std::size_t ending_ = 0;  // requests in State::ending
  OwedIds owing_;           // inactive ids whose STDIN(0) has not come
  std::string arriving_;    // content of a record that is needed whole but comes in parts
  std::string arrived_;
  std::string reply_;
};

}  // namespace appd::protocol
