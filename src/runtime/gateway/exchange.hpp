// One request and its response, as the application's side sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/gateway/request.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::gateway {

/// The head of a response: "200 OK" and the application's fields, each as "Name: value\r\n", which
/// suits all wires. Status and hop-by-hop fields are not among them. Whoever makes a head checks
/// its bytes (no control bytes).
struct ResponseHead {
  std::string_view status;
  std::string_view fields;
  bool announces_length = false;  ///< whether the fields include Content-Length
};

/// Fields, in lower case, with which an application leaves the body to its server or front: they
/// name a file by a path of the site, percent-encoded, or by its own path.
inline constexpr std::string_view kFileOfSite = "x-accel-redirect";
inline constexpr std::string_view kFileByPath = "x-sendfile";

/// A part of a regular file that is sent as body. Shares its descriptor with other parts alone.
struct FileRange {
  std::shared_ptr<const support::UniqueFd> file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

enum class End : std::uint8_t {
  more,  ///< more of the body follows
  last,  ///< the response ends with these bytes
};

/// Makes an owner for the bytes of a `send` that the socket did not take, so that they need not be
/// copied. Called at most once, inside `send`, on the calling thread. The owner is destroyed later,
/// on the loop's thread.
class Keeper {
 public:
  virtual std::shared_ptr<const void> keep() = 0;

 protected:
  ~Keeper() = default;
};

enum class SendStatus : std::uint8_t {
  ok,
  complete,  ///< the server has sent something else as the whole response; the rest is not needed
  full,      ///< the outgoing buffer is full: call `wait_room` before sending the rest
  gone,      ///< the front went away, or the exchange was given up; nothing more is sent
};

struct Sent {
  SendStatus status;
  std::size_t consumed;  ///< body bytes taken over: all of them unless `full` or `gone`
};

enum class BodyStatus : std::uint8_t {
  data,         ///< `bytes` > 0 were copied
  end,          ///< the body is complete, and all of it was read
  would_block,  ///< nothing has arrived: call `wait_body`, then try again
  cut,          ///< the front ended the body early, went away, or timed out
};

struct BodyRead {
  BodyStatus status;
  std::size_t bytes;
};

/// One request and its response, as the application's side sees it. The connection and the pool
/// thread own it together. Only the pool thread that runs the call may use it, except for
/// `front_gone`. Members marked "waits" must not be called with the interpreter held; the others
/// never wait.
///
/// The first `send` or `send_file` carries the head, exactly once. `send` with End::last,
/// `send_file` or `break_off` ends the response. Responses to HEAD, and those with 204 or 304, must
/// have no body bytes; the caller knows the status.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const noexcept = 0;

  /// Copies body bytes that have arrived.
  virtual BodyRead try_read_body(std::span<char> into) noexcept = 0;
  /// Waits until `try_read_body` returns anything but `would_block`.
  virtual void wait_body() noexcept = 0;

  /// Sends the head (null after the first call) and body pieces in as few system calls as possible.
  /// With End::last everything is taken over at once, kept as a copy or by `keeper` (which may be
  /// null). With End::more no more is taken than the outgoing buffer has room for; see
  /// Sent::consumed.
  virtual Sent send(const ResponseHead* head, std::span<const std::string_view> pieces, End end,
                    Keeper* keeper) noexcept = 0;
  /// Sends the file's range as the rest of the response (End::last). The loop does the work.
  virtual SendStatus send_file(const ResponseHead* head, FileRange range) noexcept = 0;
  /// Waits until `send` can take more, or the front is gone.
  virtual void wait_room() noexcept = 0;

  /// True once `send` or `send_file` got a head.
  virtual bool head_sent() const noexcept = 0;
  /// Ends a response whose head is out but whose body cannot be completed. Front and client can see
  /// that it is incomplete.
  virtual void break_off() noexcept = 0;

  /// Text that the application wrote to wsgi.errors. It reaches the front as FastCGI STDERR if the
  /// operator asked for that, never before the head. The log gets the text by another way.
  virtual void send_error_text(std::string_view text) noexcept = 0;

  /// True once the front has closed the connection or aborted this request, as far as is known; in
  /// any case once `send` or `send_file` has returned SendStatus::gone. Any thread.
  virtual bool front_gone() const noexcept = 0;
};

}  // namespace appd::gateway
