// A generation of a test with forked workers, whose master is the test's process.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fake_deployment.hpp"
#include "fakes/eventually.hpp"
#include "fakes/recording_reporter.hpp"
#include "runtime/ipc/scoreboard.hpp"
#include "runtime/ipc/worker_link.hpp"
#include "runtime/supervisor/generation.hpp"
#include "runtime/supervisor/upgrade_state.hpp"

namespace appd::supervisor {

/// What workers write down for the test: "1 retire" for worker 2's order.
class Diary {
 public:
  Diary() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
  }
  void write(unsigned index, const char* order) const {
    const std::string line = fmt::format("{} {}\n", index, order);
    if (::write(write_end_.get(), line.data(), line.size()) < 0) ::_exit(9);
  }
  unsigned count(const std::string& line) {
    std::array<char, 4096> bytes;
    for (ssize_t got = 0; (got = ::read(read_end_.get(), bytes.data(), bytes.size())) > 0;) {
      text_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    unsigned found = 0;
    for (std::size_t at = 0; (at = text_.find(line + "\n", at)) != std::string::npos; ++at) ++found;
    return found;
  }

 private:
  support::UniqueFd read_end_;
  support::UniqueFd write_end_;
  std::string text_;
};

/// A worker that ends as it is told. `slow`: it has a request for ever, and ends when it is told to
/// drain.
inline int obey(const Diary& diary, unsigned index, ipc::WorkerLink link, bool slow) {
  using ipc::MasterOrder;
  using ipc::WorkerLink;
  using ipc::WorkerMessage;
  ::alarm(120);
  for (;;) {
    pollfd waited{link.fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
    const auto [got, order] = link.receive_order();
    if (got == WorkerLink::Got::closed) return 0;
    if (got != WorkerLink::Got::message) continue;
    diary.write(index, order.kind == MasterOrder::serve    ? "serve"
                       : order.kind == MasterOrder::retire ? "retire"
                                                           : "drain");
    if (order.kind == MasterOrder::retire) link.send({WorkerMessage::Kind::retired, {}, {}});
    if (order.kind == MasterOrder::drain || (order.kind == MasterOrder::retire && !slow)) return 0;
  }
}

/// Workers that are due for recycling after one request. A replacement in a slot that was free
/// never becomes ready.
struct ShortLived {
  unsigned workers;
  unsigned places;
};

/// A generation in this process, which is its master.
class Fleet final : public ForkHandler {
 public:
  static constexpr std::chrono::seconds kGrace{30};

  explicit Fleet(unsigned places, bool slow = false, std::chrono::nanoseconds grace = kGrace,
                 std::chrono::nanoseconds heartbeat = {},
                 std::optional<std::chrono::nanoseconds> retired_limit = {}) {
    auto deployment = deployed(places, grace);
    deployment->numbers.heartbeat = heartbeat;
    deployment->numbers.retired_limit = retired_limit;
    deployment->worker = [this, slow](unsigned index, ipc::WorkerLink link) {
      link.send({ipc::WorkerMessage::Kind::ready, {}, {}});
      return obey(diary, index, std::move(link), slow);
    };
    generation_.emplace(1, std::move(deployment), reporter, *this);
  }
  explicit Fleet(ShortLived fleet) {
    auto deployment = deployed(fleet.places, kGrace);
    deployment->numbers.recycling.requests = 1;
    deployment->worker = [this, workers = fleet.workers](unsigned index, ipc::WorkerLink link) {
      if (index < workers) link.send({ipc::WorkerMessage::Kind::ready, {}, {}});
      return obey(diary, index, std::move(link), false);
    };
    generation_.emplace(1, std::move(deployment), reporter, *this);
    generation_->grow(fleet.workers);
    REQUIRE(becomes_ready(fleet.workers));
    generation_->establish();
    generation_->serve();
  }
  /// Workers that another program has started, with the states that it leaves: index, ready,
  /// retired.
  explicit Fleet(std::vector<UpgradeState::Worker> found) {
    for (UpgradeState::Worker& worker : found) {
      auto [master_end, worker_end] = ipc::WorkerLink::make_pair();
      worker.pid = ::fork();
      if (worker.pid == 0) {
        master_end.close();
        ::_exit(obey(diary, worker.index, std::move(worker_end), worker.retired));
      }
      worker.link = ::fcntl(master_end.fd(), F_DUPFD_CLOEXEC, 0);
    }
    auto deployment = deployed(static_cast<unsigned>(found.size()), kGrace);
    deployment->numbers.origin = Origin::inherited;
    generation_.emplace(7, std::move(deployment), reporter, *this, found);
  }

  Generation& operator*() { return *generation_; }
  Generation* operator->() { return &*generation_; }

  /// Lets it live until the condition holds.
  template <typename Condition>
  bool lives_until(Condition condition) {
    return test::eventually([&] {
      turn();
      return condition();
    });
  }
  bool becomes_ready(unsigned workers) {
    return lives_until([&] { return generation_->ready() == workers; });
  }
  bool finishes() {
    return lives_until([&] { return generation_->finished(); });
  }
  bool hears(const std::string& line) {
    return lives_until([&] { return diary.count(line) > 0; });
  }
  void turn() {
    generation_->tick();
    std::vector<pollfd> polled;
    generation_->add_polled(polled);
    ::poll(polled.data(), polled.size(), 1);
    generation_->read(polled);
    generation_->meet();
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      last_end = generation_->on_exit(pid, status);
    }
  }

  /// Of the worker at this place, from 1: "ready"; "" when there is none.
  std::string state(unsigned place) const {
    const std::string line = line_of(place);
    const std::size_t at = line.find(": ");
    return line.empty() ? "" : line.substr(at + 2, line.find(',') - at - 2);
  }
  pid_t pid(unsigned place) const {
    const std::string line = line_of(place);
    return static_cast<pid_t>(std::stol(line.substr(line.find("pid ") + 4)));
  }
  ipc::WorkerLoad& load(unsigned index) { return scoreboard_->loads()[index]; }
  void use_up(unsigned index) { scoreboard_->worker(index)[0].requests.fetch_add(1); }
  /// Until it has looked at its workers once more.
  bool looks_again() {
    const std::optional<Clock::time_point> due = generation_->due();
    return lives_until([&] { return generation_->due() > due; });
  }
  void destroy() { generation_.reset(); }
  void enter_child() override {}

  Diary diary;
  test::RecordingReporter reporter;
  std::optional<ProcessEnd> last_end;

 private:
  std::unique_ptr<FakeDeployment> deployed(unsigned places, std::chrono::nanoseconds grace) {
    auto deployment = std::make_unique<FakeDeployment>(places);
    deployment->numbers.origin = Origin::master;
    deployment->numbers.workers = places;
    deployment->numbers.graceful_timeout = grace;
    deployment->first_inbox = 100;
    scoreboard_ = deployment->board;
    return deployment;
  }

  std::string line_of(unsigned place) const {
    const std::string text = generation_->describe();
    const std::size_t at = text.find(fmt::format("\n  worker {}", place));
    if (at == std::string::npos) return "";
    return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  }

  std::shared_ptr<ipc::Scoreboard> scoreboard_;
  std::optional<Generation> generation_;
};

}  // namespace appd::supervisor
