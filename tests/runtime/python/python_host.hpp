// The interpreter of a test program, and applications given as source.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/log_fields.hpp"
#include "fakes/memory_exchange.hpp"
#include "fakes/memory_reporter.hpp"
#include "runtime/python/embedded_python.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::test {

using fakes::MemoryExchange;
using fakes::MemoryReporter;
using ExchangePointer = std::shared_ptr<MemoryExchange>;

/// What an ordinary front sends for GET /path.
inline fakes::Variables get_variables() {
  return {
      {"REQUEST_METHOD", "GET"},       {"SCRIPT_NAME", ""},
      {"PATH_INFO", "/path"},          {"QUERY_STRING", "a=1"},
      {"REQUEST_URI", "/path?a=1"},    {"SERVER_NAME", "example.test"},
      {"SERVER_PORT", "80"},           {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"REMOTE_ADDR", "192.0.2.1"},    {"HTTP_HOST", "example.test"},
      {"HTTP_USER_AGENT", "test/1.0"},
  };
}

/// Sets or replaces variables.
inline fakes::Variables with(fakes::Variables variables, const fakes::Variables& more) {
  for (const auto& [name, value] : more) {
    const auto same = [&name = name](const auto& variable) { return variable.first == name; };
    variables.erase(std::remove_if(variables.begin(), variables.end(), same), variables.end());
    variables.emplace_back(name, value);
  }
  return variables;
}

/// The only interpreter of the test program, with two pool threads that end with the program. Each
/// request brings its application as Python source, which defines `application`.
class PythonHost {
 public:
  static constexpr unsigned kThreads = 2;

  static PythonHost& instance() {
    static PythonHost host;
    return host;
  }

  /// An exchange whose application is `source`.
  static ExchangePointer make(std::string_view source,
                              const fakes::Variables& variables = get_variables()) {
    return std::make_shared<MemoryExchange>(
        with(variables, {{"TEST_SOURCE", std::string(source)}}));
  }

  /// Runs the exchanges one after another in one `serve`, and waits for its end.
  void run(std::vector<ExchangePointer> exchanges) {
    const auto batch = start(std::move(exchanges));
    wait(*batch);
  }

  ExchangePointer run(const ExchangePointer& exchange) {
    run(std::vector{exchange});
    return exchange;
  }

  ExchangePointer run(std::string_view source,
                      const fakes::Variables& variables = get_variables()) {
    return run(make(source, variables));
  }

  /// The body of the response to `source`, which must be complete.
  std::string body_of(std::string_view source,
                      const fakes::Variables& variables = get_variables()) {
    return run(source, variables)->sent;
  }

  class Batch final : public gateway::ExchangeSource {
   public:
    std::shared_ptr<gateway::Exchange> next(std::shared_ptr<gateway::Exchange>) noexcept override {
      return position < exchanges.size() ? exchanges[position++] : nullptr;
    }

    std::vector<ExchangePointer> exchanges;
    std::size_t position = 0;
    std::atomic<unsigned> thread{0};  ///< which pool thread has it
    bool done = false;
  };

  std::shared_ptr<Batch> start(std::vector<ExchangePointer> exchanges) {
    auto batch = std::make_shared<Batch>();
    batch->exchanges = std::move(exchanges);
    const std::lock_guard lock(mutex_);
    batches_.push_back(batch);
    changed_.notify_all();
    return batch;
  }

  void wait(const Batch& batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batch.done; });
  }

  /// What was logged since the last call: messages that tell that event, each followed by a
  /// newline.
  std::string take_log(gateway::LogEvent event) {
    return take_log_if(
        [event](const MemoryReporter::Entry& entry) { return entry.event == event; });
  }
  /// The same of messages of that level.
  std::string take_log(gateway::Level level) {
    return take_log_if(
        [level](const MemoryReporter::Entry& entry) { return entry.level == level; });
  }
  MemoryReporter& log() { return reporter_; }
  python::PythonRuntime& runtime() { return runtime_; }

 private:
  template <typename Condition>
  std::string take_log_if(Condition condition) {
    std::string text;
    for (const MemoryReporter::Entry& entry : reporter_.take())
      if (condition(entry)) text += entry.message + "\n";
    return text;
  }

  PythonHost() {
    runtime_.load_application();
    runtime_.start_pool(kThreads, [this](unsigned thread) { serve(thread); });
    runtime_.watch_pool();
    runtime_.release_main();
  }

  ~PythonHost() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    runtime_.join_pool();
    const bool flushed = runtime_.finalize();
    const std::size_t alive = runtime_.live_objects().total();
    if (flushed && alive == 0) return;
    std::fprintf(stderr, "at the end: flushed %d, %zu objects of the bridge alive\n", flushed,
                 alive);
    std::_Exit(1);
  }

  static python::PythonOptions options() {
    return {.module = APPD_TEST_SOURCES "/dispatch.py",
            .pythonpath = {},
            .multithread = true,
            .multiprocess = false,
            .development = {}};
  }

  void serve(unsigned thread) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !batches_.empty(); });
      if (batches_.empty()) return;
      const std::shared_ptr<Batch> batch = batches_.front();
      batches_.pop_front();
      batch->thread = thread;
      lock.unlock();
      runtime_.application().serve(*batch);
      lock.lock();
      batch->done = true;
      changed_.notify_all();
    }
  }

  /// Before the runtime.
  struct Started {
    Started() { python::start_embedded_python(); }
  };

  MemoryReporter reporter_;
  const Started started_;
  python::PythonRuntime runtime_{options(), reporter_};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Batch>> batches_;
  bool stopping_ = false;
};

inline PythonHost& host() {
  return PythonHost::instance();
}

}  // namespace appd::test
