// The base of the uwsgi and SCGI decoders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/decoder.hpp"
#include "runtime/gateway/block_pool.hpp"

namespace appd::protocol {

/// The common part of uwsgi and SCGI: one request per connection, its variables in one block of
/// announced size, then the raw body.
class SingleRequestDecoder : public Decoder {
 public:
  Event next(std::string_view& input) final;
  void take_variables(RequestId id, gateway::VariableBlock& into) final;
  void expect_body(RequestId id, std::optional<std::uint64_t> length) final;
  void release(RequestId id) final;
  bool inside_head() const noexcept final { return stage_ == Stage::head && offset_ > 0; }
  bool owes_body() const noexcept final { return released_ && body_left_ != 0u; }
  bool holds_nothing() const noexcept final { return stage_ == Stage::head && offset_ == 0; }
  bool holds_only(RequestId) const noexcept final {
    return stage_ == Stage::over && !released_ && body_left_ == 0u;  // not if it was refused
  }

 protected:
  SingleRequestDecoder(const DecoderLimits& limits, gateway::BlockPool& blocks) noexcept
      : max_params_(limits.max_params), blocks_(blocks), block_(blocks.take()) {}

  /// Takes bytes that precede the body. Returns `request` by `complete`, another event, or
  /// `starved`.
  virtual Event on_head(std::string_view& input) = 0;

  std::string_view take(std::string_view& input, std::size_t most) noexcept;
  /// Collects the block of `size` bytes, but no more than max_params of them. True once they are
  /// there.
  bool collect_block(std::string_view& input, std::size_t size);
  bool exceeds_limit(std::size_t size) const noexcept { return size > max_params_; }

  Event complete();
  Event refuse(unsigned status, std::string detail);
  /// `bytes` (static) are the whole response; then the connection is to be closed.
  Event reply_and_close(std::string_view bytes);

  gateway::VariableBlock& block() noexcept { return *block_; }
  std::string_view block_bytes() const noexcept {
    return {block_->bytes.data(), block_->bytes.size()};
  }
  std::size_t max_params() const noexcept { return max_params_; }
  /// Bytes of the connection taken so far.
  std::uint64_t offset() const noexcept { return offset_; }

 private:
  enum class Stage : std::uint8_t {
    head,      // up to the end of the variables
    complete,  // `request` was given; the caller owes expect_body or release
    body,
    ending,  // the body is complete; the next event says so
    over,    // everything that still comes is swallowed
  };

  Event on_body(std::string_view& input);
  Event end_body();

  std::size_t max_params_;
  Stage stage_ = Stage::head;
  bool released_ = false;
  std::uint64_t offset_ = 0;
  std::optional<std::uint64_t>
      body_left_;  // std::nullopt if unknown; counted down after the release too
  gateway::BlockPool& blocks_;
  gateway::BlockPool::Block block_;  // null once taken
};

}  // namespace appd::protocol
