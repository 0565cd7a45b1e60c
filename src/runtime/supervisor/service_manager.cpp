// Sends sd_notify messages and watchdog signs.

#include "runtime/supervisor/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "runtime/support/lines.hpp"
#include "runtime/support/unique_fd.hpp"
#include "runtime/support/unix_address.hpp"
#include "runtime/support/whole_number.hpp"

namespace appd::supervisor {
namespace {

/// The manager's socket: a path, or a name in the abstract namespace behind an @. std::nullopt if
/// it is neither of them, or too long.
std::optional<support::UnixAddress> manager_address(std::string_view name) {
  if (name.starts_with('/')) return support::path_address(name);
  if (name.starts_with('@')) return support::abstract_address(name.substr(1));
  return std::nullopt;
}

// If this fails, the manager treats the service as a silent one.
void tell(const std::string& message) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return;
  const auto address = manager_address(name);
  if (!address) return;
  // The kernel adds who has sent it.
  const support::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL, address->get(),
           address->size);
}

// Longer than this is no watchdog; infinity is the greatest number of 64 bits.
constexpr std::uint64_t kLongestWatchdog = std::chrono::microseconds(std::chrono::years(1)).count();

/// std::nullopt without a watchdog, or if it watches another process.
std::optional<std::chrono::microseconds> read_feed_interval() {
  const char* process = std::getenv("WATCHDOG_PID");
  if (process != nullptr && support::whole_number(process) != ::getpid()) return std::nullopt;
  const char* text = std::getenv("WATCHDOG_USEC");
  const std::uint64_t timeout = text == nullptr ? 0 : support::whole_number(text).value_or(0);
  if (timeout == 0 || timeout > kLongestWatchdog) return std::nullopt;
  return std::chrono::microseconds(timeout / 2);
}

}  // namespace

ServiceManager::ServiceManager(std::string served, unsigned workers)
    : served_(std::move(served)), workers_(workers), feed_interval_(read_feed_interval()) {}

void ServiceManager::on_ready() {
  tell("READY=1");
}

void ServiceManager::on_start_failed(std::string_view why) {
  failed_ = true;
  tell_failure(why);
}

void ServiceManager::tell_failure(std::string_view why) {
  // Each line is a field, so further lines, such as a traceback, could say anything to the manager.
  tell(fmt::format("STATUS=the start failed: {}", support::first_line(why)));
}

void ServiceManager::on_reloading() {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      Clock::now().time_since_epoch());  // CLOCK_MONOTONIC, which the manager wants
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
}

void ServiceManager::on_reloaded(std::string served, unsigned workers) {
  served_ = std::move(served);
  workers_ = workers;
  on_reload_refused();
}

void ServiceManager::on_reload_refused() {
  ready_workers_.reset();
  tell("READY=1");
}

void ServiceManager::on_stopping() {
  stopping_ = true;
  if (failed_) return tell("STOPPING=1");
  tell(fmt::format("STOPPING=1\nSTATUS={}: stopping, running requests are finished", served_));
}

std::optional<ServiceManager::Clock::time_point> ServiceManager::on_turn(Clock::time_point now,
                                                                         unsigned ready_workers) {
  if (!stopping_ && ready_workers_ != ready_workers) {
    ready_workers_ = ready_workers;
    tell(fmt::format("STATUS={}: {} of {} workers ready", served_, ready_workers, workers_));
  }
  const bool well = stopping_ || ready_workers > 0;
  if (!feed_interval_ || !well) return std::nullopt;
  if (now >= next_feed_) {
    tell("WATCHDOG=1");
    next_feed_ = now + *feed_interval_;
  }
  return next_feed_;
}

void ServiceManager::drop_variables() noexcept {
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
}

}  // namespace appd::supervisor
