// Sends sd_notify messages and watchdog signs.

#include "runtime/supervisor/service_manager.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "runtime/support/lines.hpp"

namespace appd::supervisor {
namespace {

void tell(const std::string& message) {
  // If this fails, the manager treats the service as a silent one.
  ::sd_notify(0, message.c_str());
}

std::optional<std::chrono::microseconds> read_feed_interval() {
  std::uint64_t timeout = 0;
  if (::sd_watchdog_enabled(0, &timeout) <= 0) return std::nullopt;
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

void ServiceManager::close_after_fork() noexcept {
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
}

}  // namespace appd::supervisor
