#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/gateway/request.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::gateway {

/// The head of a response: "200 OK" and the application's fields, without Status and hop-by-hop
/// fields, as "Name: value\r\n" each: all wires have them so. The bytes are checked by who makes
/// them (no control bytes).
struct ResponseHead {
  std::string_view status;
  std::string_view fields;
  bool announces_length = false;  ///< Content-Length is among them
};

/// A part of a regular file that follows as body. The range's descriptor is its own (a dup).
struct FileRange {
  support::UniqueFd file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

enum class End : std::uint8_t {
  more,  ///< further body follows
  last,  ///< the response ends with these bytes
};

/// Makes an owner for the bytes of a `send` that the socket did not take, so that they need not be
/// copied. Called at most once, inside `send`, on the calling thread; the owner is destroyed later
/// on the loop's thread.
class Keeper {
 public:
  virtual std::shared_ptr<const void> keep() = 0;

 protected:
  ~Keeper() = default;
};

enum class SendStatus : std::uint8_t {
  ok,
  full,  ///< the outgoing buffer is full: `wait_room` before the rest
  gone,  ///< the front went away, or the exchange was given up; nothing more will be sent
};

struct Sent {
  SendStatus status;
  std::size_t consumed;  ///< body bytes taken over; all of them unless `full` or `gone`
};

enum class BodyStatus : std::uint8_t {
  data,         ///< `bytes` > 0 were copied
  end,          ///< the body is complete and read
  would_block,  ///< nothing there yet: `wait_body`, then try again
  cut,  ///< the front ended the body before its announced length, or went away, or timed out
};

struct BodyRead {
  BodyStatus status;
  std::size_t bytes;
};

/// One request and its response, as the application's side sees it. Owned by connection and pool
/// thread together. All members but `front_gone` are for the one pool thread that runs the call;
/// those marked "waits" must not be called while the interpreter is held, all others never wait.
///
/// Answer: the head goes with the first `send`, exactly once; `send` with End::last, `send_file` or
/// `break_off` ends it. No body bytes may be given for HEAD, 204 and 304 (the caller knows the
/// status).
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const noexcept = 0;

  /// Copies body bytes that have arrived.
  virtual BodyRead try_read_body(std::span<char> into) noexcept = 0;
  /// Waits until `try_read_body` has something to say (data, end, cut).
  virtual void wait_body() noexcept = 0;

  /// Sends the head (when not null: the first call) and body pieces with as few system calls as can
  /// be. With End::last everything is taken over at once, kept by copy or by `keeper` (may be
  /// null). With End::more at most the outgoing buffer's room is taken: see Sent::consumed.
  virtual Sent send(const ResponseHead* head, std::span<const std::string_view> pieces, End end,
                    Keeper* keeper) noexcept = 0;
  /// Sends the file's range as the rest of the response (End::last); the loop does the work.
  virtual SendStatus send_file(const ResponseHead* head, FileRange range) noexcept = 0;
  /// Waits until `send` can take more, or the front is gone.
  virtual void wait_room() noexcept = 0;

  /// True once a head was given to `send` or `send_file`.
  virtual bool head_sent() const noexcept = 0;
  /// Ends a response whose head is out but whose body cannot be completed, so that the front and
  /// the client can see that it is incomplete.
  virtual void break_off() noexcept = 0;

  /// What the application wrote to wsgi.errors: reaches the front as FastCGI STDERR where the
  /// operator asked for that, never before the head. The log has it in any case (not through here).
  virtual void send_error_text(std::string_view text) noexcept = 0;

  /// True once the front closed the connection or aborted this request. Any thread.
  virtual bool front_gone() const noexcept = 0;
};

}  // namespace appd::gateway
