// Tests of the thread that hears the master.

#include "runtime/worker/control_thread.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/in_process.hpp"
#include "fakes/sanitizers.hpp"

using namespace appd;
using namespace std::chrono_literals;
using appd::test::eventually;
using appd::test::kThreadSanitizer;
using appd::worker::ControlThread;
using Kind = ipc::WorkerMessage::Kind;

namespace {

/// A log that has lines left for the first calls of `flush`.
class Log final : public gateway::Reporter {
 public:
  explicit Log(int behind = 0) : behind_(behind) {}

  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent, std::string_view) noexcept override {}
  bool wants_access() const noexcept override { return false; }
  void access(const gateway::AccessRecord&) noexcept override {}
  bool flush() noexcept override { return --behind_ <= 0; }
  void on_behind(const std::function<void()>& told) override {
    removed = !told;
    if (told && behind_ > 0) told();
  }

  int left() const noexcept { return behind_.load(); }
  std::atomic<bool> removed{false};

 private:
  std::atomic<int> behind_;
};

/// A control thread and its master's end of the link.
class Office {
 public:
  explicit Office(int log_behind = 0)
      : log(log_behind), ends_(ipc::WorkerLink::make_pair()), control(ends_.second, log) {}
  ~Office() { end(); }
  Office(const Office&) = delete;
  Office& operator=(const Office&) = delete;

  void start() {
    running_ = true;
    control.start({[this](const ipc::Order& order) { note(std::to_string(int(order.kind))); },
                   [this] { note("gone"); }, [this] { note("SIGTERM"); }});
  }
  void end() {
    if (std::exchange(running_, false)) control.stop();
    control.release();
  }
  bool heard(const std::vector<std::string>& what) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return heard_ == what;
    });
  }
  ipc::WorkerLink& master() noexcept { return ends_.first; }
  ipc::WorkerLink& worker() noexcept { return ends_.second; }

  Log log;

 private:
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(std::move(what));
  }

  std::pair<ipc::WorkerLink, ipc::WorkerLink> ends_;
  std::mutex mutex_;
  std::vector<std::string> heard_;
  bool running_ = false;

 public:
  ControlThread control;
};

std::string number(ipc::MasterOrder order) {
  return std::to_string(int(order));
}

/// The texts of `count` messages of that kind, in their order.
std::vector<std::string> receive(ipc::WorkerLink& master, Kind kind, std::size_t count) {
  std::vector<std::string> texts;
  eventually([&] {
    const auto [got, message] = master.receive_message();
    if (got == ipc::WorkerLink::Got::message && message.kind == kind) texts.push_back(message.text);
    return texts.size() == count;
  });
  return texts;
}

}  // namespace

TEST_SUITE("control thread") {
  TEST_CASE("orders are heard in their order, and the master's end once") {
    Office office;
    office.start();
    office.master().send(ipc::MasterOrder::serve);
    office.master().send(ipc::MasterOrder::retire);
    CHECK(office.heard({number(ipc::MasterOrder::serve), number(ipc::MasterOrder::retire)}));
    office.master().close();
    CHECK(
        office.heard({number(ipc::MasterOrder::serve), number(ipc::MasterOrder::retire), "gone"}));
  }

  TEST_CASE("SIGTERM is an order, and none after the end") {
    if (kThreadSanitizer) return;  // it bears no threads after a fork
    const int code = test::in_process([] {
      Office office;
      office.start();
      ::kill(::getpid(), SIGTERM);
      if (!office.heard({"SIGTERM"})) return 1;
      office.end();
      ::kill(::getpid(), SIGTERM);
      return office.heard({"SIGTERM"}) ? 7 : 2;
    });
    CHECK(code == 7);
  }

  TEST_CASE("what the link does not take at once is sent when it does, in its order") {
    Office office;
    std::atomic<int> beats{0};
    office.control.beat_every(60ms, [&beats] { ++beats; });
    office.start();
    std::size_t fill = 0;
    while (office.worker().try_send({Kind::step, {}, std::string(1000, 'x')})) ++fill;
    for (const char* text : {"one", "two", "three"}) office.control.tell({Kind::stuck, {}, text});
    REQUIRE(fill > 0);
    // Two beats later it has tried again, in vain.
    const int now = beats;
    REQUIRE(eventually([&] { return beats >= now + 2; }));
    CHECK(receive(office.master(), Kind::stuck, 3) ==
          std::vector<std::string>{"one", "two", "three"});
  }

  TEST_CASE("it beats for as long as it runs") {
    Office office;
    std::atomic<int> beats{0};
    office.control.beat_every(1ms, [&beats] { ++beats; });
    CHECK(beats == 0);
    office.start();
    CHECK(eventually([&] { return beats > 3; }));
  }

  TEST_CASE("a log that is behind is flushed until it is not") {
    Office office(3);
    office.start();
    CHECK(eventually([&] { return office.log.left() == 0; }));
    CHECK_FALSE(office.log.removed);
    office.end();
    CHECK(office.log.removed);
  }

  TEST_CASE("one that was never started gives nothing away") {
    Office office;
    office.end();
    CHECK(office.worker().fd() >= 0);
    CHECK(office.worker().try_send({Kind::ready, {}, "on"}));
    CHECK(receive(office.master(), Kind::ready, 1) == std::vector<std::string>{"on"});
  }
}
