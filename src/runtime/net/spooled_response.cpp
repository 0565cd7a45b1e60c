// Takes room from the quota and writes a response's file.

#include "runtime/net/spooled_response.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "runtime/net/spool_file.hpp"

namespace appd::net {
namespace {

/// What a spooled response takes from the quota, for as long as the response is there.
class SpoolPart {
 public:
  SpoolPart(SpoolQuota& quota, std::uint64_t bytes) noexcept : quota_(quota), bytes_(bytes) {}
  ~SpoolPart() { quota_.give_back(bytes_); }
  SpoolPart(const SpoolPart&) = delete;
  SpoolPart& operator=(const SpoolPart&) = delete;

 private:
  SpoolQuota& quota_;
  const std::uint64_t bytes_;
};

void report(const OutgoingMemory& memory, std::string_view problem) {
  memory.reporter().report(
      gateway::LogEvent::response_not_spooled,
      fmt::format("a response was broken off: its front takes it too slowly, and there is no room "
                  "for it in the spool directory {}: {}",
                  memory.spool_dir(), problem));
}

}  // namespace

std::optional<OutgoingItem> spool_response(std::span<const iovec> parts, OutgoingMemory& memory) {
  const std::size_t size = size_of(parts);
  SpoolQuota* const quota = memory.quota();
  if (quota != nullptr && !quota->try_take(size)) {
    report(memory, "the spool files of all workers have reached --spool-limit");
    return std::nullopt;
  }
  std::shared_ptr<const void> share;
  if (quota != nullptr) share = std::make_shared<SpoolPart>(*quota, size);
  auto file = std::make_shared<const support::UniqueFd>(open_spool_file(memory.spool_dir()));
  if (!*file || !write_parts(file->get(), parts)) {
    report(memory, std::strerror(errno));
    return std::nullopt;
  }
  return OutgoingItem({std::move(file), 0, size}, std::move(share));
}

}  // namespace appd::net
