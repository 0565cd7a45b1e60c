#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/deferred_decrefs.hpp"
#include "runtime/python/head_buffer.hpp"

namespace appd::python {

/// The application does something that makes its response impossible; no Python exception says so.
class ResponseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The response of one call: holds the head back until the first body bytes, keeps to
/// Content-Length, and sends. Used by the call's pool thread, which holds the interpreter; gives it
/// up where sending may take long or wait. Reused from call to call.
///
///     waiting ── start ──► started ── first bytes, or the end ──► head sent ──► ended
///                            └─ start with exc_info: replaced
class Response {
 public:
  explicit Response(std::shared_ptr<DeferredDecrefs> deferred_decrefs)
      : deferred_decrefs_(std::move(deferred_decrefs)) {}

  void begin(gateway::Exchange& exchange);

  /// start_response: PEP 3333. `exc_info`: null, or the tuple.
  void start(PyObject* status, PyObject* headers, PyObject* exc_info);
  bool started() const noexcept { return started_; }
  /// The application's; 0: it has not started.
  unsigned status() const noexcept { return started_ ? head().status() : 0; }

  /// False: the response's head goes alone, for HEAD, 204, 205 and 304. After `start`.
  bool takes_body() const noexcept { return takes_body_; }
  /// True when the response is complete, or nobody is there to take it.
  bool satisfied() const noexcept { return ended_ || gone_; }
  /// True while the iterable is to be asked for a chunk: it may call `start`, or go out. Also once
  /// the announced length is reached, until more comes than that: the application may have work
  /// after its last chunk, as a2wsgi does, which other servers let it do.
  bool wants_chunk() const noexcept { return !gone_ && !excess_ && (!started_ || takes_body()); }
  bool gone() const noexcept { return gone_; }

  /// Announces the body's length when the application did not, and nothing is sent yet.
  void infer_length(std::uint64_t length);

  /// Sends an object of type bytes; an empty one is nothing. When the announced length is reached
  /// the response ends with it.
  void send(PyObject* bytes);
  /// The same for several, which view into `owner`'s objects, as the rest of the response: ends it.
  void send_rest(std::span<const std::string_view> pieces, PyObject* owner);
  /// write(): the same; raises when nobody is there to take it.
  void write(PyObject* bytes);
  /// Sends a file's part as the rest of the response. `range.length` is cut to what is wanted.
  void send_file(gateway::FileRange range);
  /// What Content-Length leaves, or the greatest number there is.
  std::uint64_t wanted() const noexcept;
  /// The iterable is at its end: sends the head if that is due, and ends the response. Throws
  /// ResponseError when bytes are missing.
  void finish();

  enum class Failure : std::uint8_t {
    error,    ///< 500
    timeout,  ///< 504
  };
  /// Gives up: a response with that status where no head is out, else a visible break.
  void fail(Failure failure) noexcept;

  /// True when body bytes were dropped that the head does not allow.
  bool has_excess() const noexcept { return excess_; }
  bool lacked_reason() const noexcept { return head().lacked_reason(); }

 private:
  using Pieces = std::span<const std::string_view>;

  HeadBuffer& head() noexcept { return heads_[current_]; }
  const HeadBuffer& head() const noexcept { return heads_[current_]; }
  void require_started() const;
  [[noreturn]] void throw_too_short(std::uint64_t more) const;
  void transmit(Pieces pieces, gateway::End end, PyObject* owner);
  void transmit_rest(Pieces pieces, std::size_t taken, gateway::End end, PyObject* owner);
  bool went_out(const gateway::Sent& sent, gateway::End end) noexcept;
  gateway::Sent send_once(Pieces pieces, gateway::End end, PyObject* owner);
  gateway::Sent send_with_care(Pieces pieces, bool is_short, gateway::End end, PyObject* owner);
  void wait_room();

  const std::shared_ptr<DeferredDecrefs> deferred_decrefs_;
  gateway::Exchange* exchange_ = nullptr;
  std::array<HeadBuffer, 2> heads_;     // a new one is made in the other's place: it may be wrong
  std::size_t current_ = 0;             // of heads_
  std::vector<std::string_view> left_;  // of the pieces that are being sent
  std::uint64_t sent_ = 0;              // body bytes
  bool started_ = false;
  bool takes_body_ = false;
  bool written_ = false;  // write() was used
  bool ended_ = false;
  bool gone_ = false;
  bool excess_ = false;
};

}  // namespace appd::python
