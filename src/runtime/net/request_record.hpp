// What the access log is told of a request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <string>

#include "runtime/gateway/reporter.hpp"
#include "runtime/gateway/request.hpp"

namespace appd::net {

/// The status that is logged for a response that its front has not waited for.
inline constexpr unsigned kFrontGone = 499;

/// When a request began to wait for a thread, and when its call began.
class RequestTimes {
 public:
  using Clock = std::chrono::steady_clock;

  void clear() noexcept {
    started_ = {};
    queued_.store({}, std::memory_order_relaxed);
  }
  /// The request waits for a pool thread. Loop's thread.
  void set_queued(Clock::time_point now) noexcept { queued_.store(now, std::memory_order_relaxed); }
  /// Since when the request is queued. Any thread that has the request from the queue.
  Clock::time_point queued() const noexcept { return queued_.load(std::memory_order_relaxed); }

  void set_started(Clock::time_point now) noexcept { started_ = now; }
  /// The request is answered or given up without a call, perhaps without having been queued.
  void set_started_here(Clock::time_point now) noexcept {
    if (queued() == Clock::time_point{}) set_queued(now);
    set_started(now);
  }
  Clock::time_point started() const noexcept { return started_; }

 private:
  // Atomic: a thread may look at it in the queue while the request is given up there, and nothing
  // else orders that look before the next request.
  std::atomic<Clock::time_point> queued_{Clock::time_point{}};
  Clock::time_point started_{};  // set by the thread that responds
};

/// The record of a request that ends now. Its texts refer to the request.
gateway::AccessRecord make_access_record(const gateway::Request& request, const RequestTimes& times,
                                         unsigned status, std::uint64_t body_bytes) noexcept;

/// A record with texts of its own.
struct KeptRecord {
  explicit KeptRecord(const gateway::AccessRecord& from);
  KeptRecord(const KeptRecord&) = delete;
  KeptRecord& operator=(const KeptRecord&) = delete;

  std::list<std::string> texts;
  gateway::AccessRecord record;
};

/// The record of a response with files. It goes to the log with the last of its owners, when all
/// files are out or given up. All calls are under the lock of one outbox.
class FilesRecord {
 public:
  using Clock = std::chrono::steady_clock;

  /// `record` is what there is to say if the front waits for the end; `started` is when the call
  /// began.
  FilesRecord(gateway::Reporter& reporter, const gateway::AccessRecord& record,
              Clock::time_point started)
      : reporter_(reporter), kept_(record), started_(started) {}
  ~FilesRecord();
  FilesRecord(const FilesRecord&) = delete;
  FilesRecord& operator=(const FilesRecord&) = delete;

  void add_body_bytes(std::uint64_t more) noexcept { kept_.record.body_bytes += more; }
  /// The front has waited for the end.
  void set_waited_for() noexcept { waited_for_ = true; }

 private:
  gateway::Reporter& reporter_;
  KeptRecord kept_;
  Clock::time_point started_;
  bool waited_for_ = false;
};

}  // namespace appd::net
