// A service of a test, which notes what its master tells it.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "fake_deployment.hpp"
#include "master_options.hpp"
#include "pipe_reporter.hpp"
#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/service.hpp"
#include "runtime/supervisor/upgrade_state.hpp"

namespace appd::supervisor {

/// What a test's processes run, put into each generation's deployment. `first` is true for the one
/// that the master starts with.
using Fill = std::function<void(FakeDeployment& deployment, bool first)>;

/// A service of a test: deploys what the options say, and notes what it is told.
class FakeService final : public Service {
 public:
  FakeService(const MasterOptions& options, unsigned threads, Fill fill,
              std::function<void()> on_ready, PipeReporter& reporter)
      : options_(options),
        threads_(threads),
        fill_(std::move(fill)),
        on_ready_(std::move(on_ready)),
        reporter_(reporter) {}

  std::unique_ptr<Deployment> deploy(bool first) {
    auto deployment = std::make_unique<FakeDeployment>(options_.workers + 1, threads_);
    deployment->numbers.workers = options_.workers;
    deployment->numbers.graceful_timeout = options_.graceful_timeout;
    deployment->numbers.strategy = options_.strategy;
    deployment->numbers.max_crashes = options_.max_crashes;
    deployment->numbers.origin = Origin::master;
    deployment->examined = examined;
    deployment->told = teller();
    fill_(*deployment, first);
    return deployment;
  }
  std::unique_ptr<Deployment> inherit(const UpgradeState& left) {
    const auto workers = static_cast<unsigned>(left.workers.size());
    auto deployment = std::make_unique<FakeDeployment>(std::max(workers, 1u));
    deployment->numbers.workers = workers;
    deployment->numbers.heartbeat = left.heartbeat;
    deployment->told = teller();
    return deployment;
  }

  std::unique_ptr<Deployment> deploy_next() override {
    if (options_.broken_reloads || refused_++ < options_.failing_plans) {
      throw std::runtime_error("a bad configuration");
    }
    return deploy(false);
  }
  void on_ready(const Deployment&, const std::string&) override {
    note("on_ready");
    if (on_ready_) on_ready_();
  }
  void on_start_failed(const std::string&) override { note("on_start_failed"); }
  void on_reloading() override { note("on_reloading"); }
  void on_reloaded(const Deployment&) override { note("on_reloaded: taken over"); }
  void on_reload_refused() override { note("on_reloaded: given up"); }
  void on_stopping() override { note("on_stopping"); }
  /// Notes each change in the number of ready workers, and when a turn was in time.
  std::optional<std::chrono::nanoseconds> on_turn(unsigned ready) override {
    if (ready_ != ready) {
      ready_ = ready;
      note("on_turn: " + std::to_string(ready) + " ready");
      turn_due_ = Clock::now() + std::chrono::milliseconds(50);
    }
    if (turn_due_ && Clock::now() >= *turn_due_) {
      note("on_turn: as asked for");
      turn_due_.reset();
    }
    return turn_due_ ? std::optional(*turn_due_ - Clock::now()) : std::nullopt;
  }
  std::string upgrade(UpgradeState) override { return "there is no other program"; }
  void reopen_logs() override { note("reopens the logs"); }
  std::string describe() const override { return "the test's master"; }

 private:
  void note(const std::string& text) { reporter_.note(text); }
  /// Names deployments in the order in which they are made: "deployment 1 takes over".
  std::function<void(const char*)> teller() {
    return [this, number = ++deployed_](const char* what) {
      note("deployment " + std::to_string(number) + " " + what);
    };
  }
  /// What is added to a death: "; examined 2, signal 6".
  static std::string examined(std::optional<unsigned> worker, int wait_status) {
    return "; examined " + (worker ? std::to_string(*worker) : "zygote") + ", signal " +
           std::to_string(WTERMSIG(wait_status));
  }

  const MasterOptions options_;
  const unsigned threads_;
  const Fill fill_;
  const std::function<void()> on_ready_;
  PipeReporter& reporter_;
  unsigned deployed_ = 0;
  unsigned refused_ = 0;
  std::optional<unsigned> ready_;
  std::optional<Clock::time_point> turn_due_;
};

}  // namespace appd::supervisor
