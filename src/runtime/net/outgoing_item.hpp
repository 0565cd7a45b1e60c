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
  broken_off,  ///< this file, or one before it, could not be read
};
/// Is told how many bytes of the file have not been sent. In any thread, under the outbox's lock.
using FileTold = std::function<void(FileEnd end, std::uint64_t left)>;

/// What waits in an outbox of one write, of several small ones, or of a file. Used under the
/// outbox's lock.
///
///     bytes:  [ sent | parts from first_ on ]          copied, or in place with an owner
///     file:   [ sent | staged in parts | file_ ]       staged only if sendfile cannot do it
class OutgoingItem {
 public:
  /// Bytes of a file that one `send` may send.
  static constexpr std::size_t kFileBudget = 1024 * 1024;

  /// Bytes of its own.
  explicit OutgoingItem(OwnBytes bytes);
  /// Bytes in place, kept by `owner` or within `held`.
  OutgoingItem(std::span<const iovec> parts, std::shared_ptr<const void> owner, OwnBytes held);
  /// A file's range. With a framer, it is framed as it goes out; the response ends with it, or goes
  /// on. `told` may be empty.
  OutgoingItem(gateway::FileRange file, std::optional<protocol::ResponseFramer> framer,
               gateway::End end, FileTold told);
  /// A file that has its frames already. `owner` lives as long as the item.
  OutgoingItem(gateway::FileRange file, std::shared_ptr<const void> owner);

  /// Copies bytes into the room that the item has. Returns false if they do not fit, or if the
  /// item's bytes are not its own.
  bool try_append(std::span<const iovec> parts, std::size_t size) noexcept;

  /// Sends what the socket takes, of a file at most kFileBudget; returns `some` if more is left.
  Sending send(int socket, gateway::Reporter& reporter);

  /// Bytes that wait in memory.
  std::size_t in_memory() const noexcept { return size_of(std::span(parts_).subspan(first_)); }
  bool is_file() const noexcept { return static_cast<bool>(file_.file); }
  /// Bytes of the file that have not been read.
  std::uint64_t file_left() const noexcept { return file_.length; }
  /// The item is over: calls `told`, if there is one.
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
  gateway::End end_ = gateway::End::last;  // whether the framer adds the response's end
  bool read_ = false;                      // instead of sendfile, which cannot do it
  FileTold told_;
};

}  // namespace appd::net
