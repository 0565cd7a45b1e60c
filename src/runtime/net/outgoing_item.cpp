// Sends parts, and files by sendfile or block by block.

#include "runtime/net/outgoing_item.hpp"

#include <fmt/format.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "runtime/support/passing_errors.hpp"

namespace appd::net {
namespace {

/// File bytes that are read, and framed for FastCGI, at once.
constexpr std::size_t kFileBlock = 4 * protocol::ResponseFramer::kMaxRecord;

/// True for errors of sendfile with which reading and sending may still work.
bool cannot_sendfile(int error) noexcept {
  return error == EINVAL || error == EIO || error == ENOSYS || error == EOVERFLOW ||
         error == EOPNOTSUPP || support::has_no_memory(error);
}

}  // namespace

OutgoingItem::OutgoingItem(OwnBytes bytes) : parts_(1, bytes.part()), copy_(std::move(bytes)) {}

OutgoingItem::OutgoingItem(std::span<const iovec> parts, std::shared_ptr<const void> owner,
                           OwnBytes held)
    : parts_(parts.begin(), parts.end()), copy_(std::move(held)), owner_(std::move(owner)) {}

OutgoingItem::OutgoingItem(gateway::FileRange file, std::optional<protocol::ResponseFramer> framer,
                           gateway::End end, FileTold told)
    : file_(std::move(file)), framer_(framer), end_(end), told_(std::move(told)) {}

OutgoingItem::OutgoingItem(gateway::FileRange file, std::shared_ptr<const void> owner)
    : owner_(std::move(owner)), file_(std::move(file)) {}

bool OutgoingItem::try_append(std::span<const iovec> parts, std::size_t size) noexcept {
  const bool own = has_parts() && !owner_ && !is_file();
  if (!own || copy_.room - copy_.size < size) return false;
  copy_.append(parts);
  parts_.back().iov_len += size;
  return true;
}

Sending OutgoingItem::send(int socket, gateway::Reporter& reporter) {
  const Sending result = send_parts(socket, parts_, first_);
  if (result != Sending::all || file_.length == 0) return result;
  return framer_ || read_ ? send_file_read(socket) : send_file(socket, reporter);
}

Sending OutgoingItem::send_file(int socket, gateway::Reporter& reporter) {
  auto offset = static_cast<off_t>(file_.offset);
  const std::size_t wanted = std::min<std::uint64_t>(file_.length, kFileBudget);
  const ssize_t n = ::sendfile(socket, file_.file->get(), &offset, wanted);
  if (n < 0 && cannot_sendfile(errno)) {
    reporter.report(
        gateway::LogEvent::response_file_read,
        fmt::format("sendfile failed ({}): the file is read instead", std::strerror(errno)));
    read_ = true;
    return send_file_read(socket);
  }
  if (n < 0) return support::would_block(errno) || errno == EINTR ? Sending::some : Sending::broken;
  if (n == 0) return Sending::short_file;
  file_.offset = static_cast<std::uint64_t>(offset);
  file_.length -= static_cast<std::uint64_t>(n);
  return file_.length == 0 ? Sending::all : Sending::some;
}

Sending OutgoingItem::send_file_read(int socket) {
  for (std::size_t staged = 0; staged < kFileBudget; staged += kFileBlock) {
    if (!stage_block()) return Sending::short_file;
    const Sending result = send_parts(socket, parts_, first_);
    if (result != Sending::all) return result;
    if (file_.length == 0) return Sending::all;
  }
  return Sending::some;
}

/// Reads the next block into the copy, framed if it must be. Returns false if the file has ended or
/// cannot be read.
bool OutgoingItem::stage_block() {
  std::vector<char> block(std::min<std::uint64_t>(file_.length, kFileBlock));
  const std::size_t got = read_block(block);
  if (got == 0) return false;
  if (!framer_) {
    const iovec plain{block.data(), got};
    stage(std::span(&plain, 1));
    return true;
  }
  protocol::Gather framed;
  const std::string_view body(block.data(), got);
  const bool ends = file_.length == 0 && end_ == gateway::End::last;
  framer_->frame({}, std::span(&body, 1), ends, framed);
  stage(framed.parts());
  return true;
}

std::size_t OutgoingItem::read_block(std::span<char> block) {
  ssize_t n = 0;
  do {
    n = ::pread(file_.file->get(), block.data(), block.size(), static_cast<off_t>(file_.offset));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return 0;
  const auto got = static_cast<std::size_t>(n);
  file_.offset += got;
  file_.length -= got;
  return got;
}

void OutgoingItem::stage(std::span<const iovec> parts) {
  copy_.size = 0;
  copy_.reserve(size_of(parts));
  copy_.append(parts);
  parts_.assign(1, copy_.part());
  first_ = 0;
}

}  // namespace appd::net
