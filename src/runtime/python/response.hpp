// The response of one WSGI call.
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

/// The application did something that makes its response impossible, without raising an exception.
class ResponseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The response of one call. Holds the head back until the first body bytes, keeps to
/// Content-Length, and sends. Used by the call's pool thread, holding the interpreter, which is
/// released where sending may take long or wait. Reused from call to call.
///
///     waiting ── start ──► started ── first bytes, or the end ──► head sent ──► ended
///                            └─ start with exc_info: replaced
class Response {
 public:
  explicit Response(std::shared_ptr<DeferredDecrefs> deferred_decrefs)
      : deferred_decrefs_(std::move(deferred_decrefs)) {}

  void begin(gateway::Exchange& exchange);

  /// start_response of PEP 3333. `exc_info` is null or the tuple.
  void start(PyObject* status, PyObject* headers, PyObject* exc_info);
  bool started() const noexcept { return kind_ != Kind::unknown; }
  /// The application's status; 0 if it has not called start_response.
  unsigned status() const noexcept { return started() ? head().status() : 0; }

  /// False if only the head is sent, for HEAD, 204, 205 and 304. After `start`.
  bool takes_body() const noexcept { return kind_ == Kind::with_body; }
  /// True if the response is complete, or nobody is there to take it.
  bool satisfied() const noexcept { return end_ != End::open; }
  /// True while the iterable must be asked for another chunk: that may call `start`, or be sent.
  /// Still true at the announced length, until more than that comes: some applications, such as
  /// a2wsgi, do work after their last chunk, and other servers let them.
  bool wants_chunk() const noexcept { return !gone() && !excess_ && kind_ != Kind::head_only; }
  bool gone() const noexcept { return end_ == End::gone; }

  /// Announces the body's length if the application did not and nothing is sent yet.
  void infer_length(std::uint64_t length);

  /// Sends an object of type bytes; an empty one has no effect. At the announced length the
  /// response ends.
  void send(PyObject* bytes);
  /// Sends several pieces, which view objects of `owner`, as the rest of the response, and ends it.
  void send_rest(std::span<const std::string_view> pieces, PyObject* owner);
  /// write(): like `send`, but raises if nobody is there to take it.
  void write(PyObject* bytes);
  /// Sends part of a file as the rest of the response. `range.length` is cut to what is wanted.
  void send_file(gateway::FileRange range);
  /// What remains of Content-Length; the largest number if none was announced.
  std::uint64_t wanted() const noexcept;
  /// The iterable is at its end: sends the head if it is not out, and ends the response. Throws
  /// ResponseError if bytes are missing.
  void finish();

  enum class Failure : std::uint8_t {
    error,    ///< 500
    timeout,  ///< 504
  };
  /// Gives up. Sends a response with that status if no head is out; otherwise breaks off visibly.
  void fail(Failure failure) noexcept;

  /// True if body bytes were dropped that the head does not allow.
  bool has_excess() const noexcept { return excess_; }
  bool lacked_reason() const noexcept { return head().lacked_reason(); }

 private:
  using Pieces = std::span<const std::string_view>;
  /// What start_response has announced.
  enum class Kind : std::uint8_t {
    unknown,  ///< it has not been called
    head_only,
    with_body,
  };
  enum class End : std::uint8_t {
    open,
    complete,  ///< all is sent, or broken off
    gone,      ///< nobody is there to take the rest
  };

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
  std::array<HeadBuffer, 2> heads_;     // a new head is made in the other one: it may be invalid
  std::size_t current_ = 0;             // of heads_
  std::vector<std::string_view> left_;  // of the pieces that are being sent
  std::uint64_t sent_ = 0;              // body bytes
  Kind kind_ = Kind::unknown;
  End end_ = End::open;
  bool written_ = false;  // write() was used
  bool excess_ = false;   // body bytes were dropped
};

}  // namespace appd::python
