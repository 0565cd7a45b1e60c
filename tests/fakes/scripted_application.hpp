// An application in C++ that does what a test wants.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/application.hpp"

namespace appd::test {

/// Holds scripts until the test opens it. Opens by itself when the server stops.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.wait(lock, [this] { return open_; });
  }
  int waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

/// An application in C++. The request's path selects what it does.
class ScriptedApplication : public gateway::Application {
 public:
  using Script = std::function<void(gateway::Exchange&)>;

  Gate gate;

  /// Call it before the threads run.
  void on(const std::string& path, Script script) { scripts_[path] = std::move(script); }

  void serve(gateway::ExchangeSource& source) noexcept override {
    std::shared_ptr<gateway::Exchange> exchange;
    while ((exchange = source.next(std::move(exchange)))) {
      const auto found = scripts_.find(std::string(exchange->request().find("PATH_INFO")));
      calls_.fetch_add(1);
      if (found == scripts_.end()) {
        respond(*exchange, "no such script", "404 Not Found");
      } else {
        found->second(*exchange);
      }
      ended_.fetch_add(1);
    }
  }

  int calls() const noexcept { return calls_.load(); }
  int ended() const noexcept { return ended_.load(); }

  // -- What scripts are made of

  static gateway::Sent respond(gateway::Exchange& exchange, std::string_view body,
                               std::string_view status = "200 OK",
                               gateway::Keeper* keeper = nullptr) {
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    const gateway::ResponseHead head{status, length, true};
    return exchange.send(&head, std::span(&body, 1), gateway::End::last, keeper);
  }

  /// The whole body; ends with "(cut)" if it was cut.
  static std::string read_all(gateway::Exchange& exchange, std::size_t block = 16 * 1024) {
    std::string body;
    std::vector<char> buffer(block);
    for (;;) {
      const gateway::BodyRead read = exchange.try_read_body(buffer);
      switch (read.status) {
        case gateway::BodyStatus::data:
          body.append(buffer.data(), read.bytes);
          break;
        case gateway::BodyStatus::end:
          return body;
        case gateway::BodyStatus::cut:
          return body + "(cut)";
        case gateway::BodyStatus::would_block:
          exchange.wait_body();
          break;
      }
    }
  }

  /// Sends `bytes` as a further part of a streamed response, waiting for room. False if the front
  /// is gone.
  static bool stream(gateway::Exchange& exchange, const gateway::ResponseHead* head,
                     std::string_view bytes) {
    for (;;) {
      const gateway::Sent sent =
          exchange.send(head, std::span(&bytes, 1), gateway::End::more, nullptr);
      if (sent.status == gateway::SendStatus::gone) return false;
      bytes.remove_prefix(sent.consumed);
      if (bytes.empty()) return true;
      head = nullptr;
      exchange.wait_room();
    }
  }
  static gateway::SendStatus end(gateway::Exchange& exchange) {
    return exchange.send(nullptr, {}, gateway::End::last, nullptr).status;
  }

 private:
  std::map<std::string, Script> scripts_;
  std::atomic<int> calls_{0};
  std::atomic<int> ended_{0};
};

}  // namespace appd::test
