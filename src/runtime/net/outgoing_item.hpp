// One thing that waits to go out: bytes, or a range of a file.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/response_framer.hpp"
#include "runtime/gateway/exchange.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/net/parts.hpp"

namespace appd::net {

/// How the sending of a file ended.
enum class FileEnd : std::uint8_t {
  sent,
  front_gone,  ///< or the connection was closed
  broken_off,  ///< a file could not be read, this one or one before it
};
/// Told with the bytes of the file that have not been sent. In any thread, under the outbox's lock.
using FileTold = std::function<void(FileEnd end, std::uint64_t left)>;

/// What waits of one write, or of several small ones, in an outbox, under whose lock it is used.
///
///     bytes:  [ sent | parts from first_ on ]          copied, or in place with an owner
///     file:   [ sent | staged in parts | file_ ]       staged only where it cannot be sendfile
class OutgoingItem {
 public:
  /// What one `send` may send of a file.
  static constexpr std::size_t kFileBudget = 1024 * 1024;

  /// Bytes of its own.
  explicit OutgoingItem(OwnBytes bytes);
  /// Bytes in place, kept by `owner`, or within `held`.
  OutgoingItem(std::span<const iovec> parts, std::shared_ptr<const void> owner, OwnBytes held);
  /// A file's range. With a framer it is framed as it goes. `told` may be empty.
  OutgoingItem(gateway::FileRange file, std::optional<protocol::ResponseFramer> framer,
               FileTold told);
  /// A file that has its frames already. `owner` goes with it.
  OutgoingItem(gateway::FileRange file, std::shared_ptr<const void> owner);

  /// Copies bytes into the room that it has. False: it has not as much, or the bytes are not its
  /// own.
  bool try_append(std::span<const iovec> parts, std::size_t size) noexcept;

  /// Sends what the socket takes, of a file at most kFileBudget: then `some`.
  Sending send(int socket, gateway::Reporter& reporter);

  /// Bytes that wait in memory.
  std::size_t in_memory() const noexcept { return size_of(std::span(parts_).subspan(first_)); }
  bool is_file() const noexcept { return static_cast<bool>(file_.file); }
  /// Bytes that have not been read from the file.
  std::uint64_t file_left() const noexcept { return file_.length; }
  /// The item is over: tells whom a file's end concerns.
  void tell(FileEnd end) const {
    if (told_) told_(end, file_.length);
  }

 private:
  bool has_parts() const noexcept { return first_ < parts_.size(); }
  Sending send_file(int socket, gateway::Reporter& reporter);
  Sending send_file_read(int socket);
  bool stage_block();
  std::size_t read_block(std::span<char> block);
  void stage(std::span<const iovec> parts);

  std::vector<iovec> parts_;
  std::size_t first_ = 0;
  OwnBytes copy_;
  std::shared_ptr<const void> owner_;
  gateway::FileRange file_;
  std::optional<protocol::ResponseFramer> framer_;
  bool read_ = false;  // sendfile cannot do it
  FileTold told_;
};

}  // namespace appd::net
