// Tests of orders to a zygote, and of a master that has one.

#include "runtime/supervisor/zygote_process.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>
#include <system_error>

#include "fakes/hostage.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/fork_orphan.hpp"
#include "runtime/support/worker_signals.hpp"
#include "supervised.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using gateway::Level;
using gateway::LogEvent;
using ipc::MasterOrder;
using ipc::Scoreboard;
using ipc::StartStep;
using ipc::WorkerLink;
using Got = WorkerLink::Got;
using Kind = ipc::WorkerMessage::Kind;
using support::ForkSide;

namespace {

/// The next order of the master's; none: it wants the zygote to end, or is gone.
std::optional<ipc::Order> next_order(WorkerLink& link) {
  for (;;) {
    pollfd waited{link.fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
    auto [got, order] = link.receive_order();
    if (got == Got::nothing) continue;
    if (got == Got::closed || order.kind == MasterOrder::drain) return std::nullopt;
    return std::move(order);
  }
}

/// Forks one worker as ordered: true in that, which has its link in the order.
bool fork_one(ipc::Order& order) {
  if (support::fork_orphan() == ForkSide::parent) return false;
  ::alarm(120);
  support::inherit_worker_signals();
  WorkerLink(support::UniqueFd(::dup(order.link.get())))
      .send({Kind::step, StartStep::run_fork_hooks, {}});
  return true;
}

using Worker = std::function<int(unsigned index, WorkerLink link)>;

/// A zygote as it should be, from its readiness on.
int obey(WorkerLink& link, const Worker& worker) {
  link.send({Kind::ready, {}, {}});
  while (auto order = next_order(link)) {
    if (fork_one(*order)) {
      link.close();
      return worker(order->index, WorkerLink(std::move(order->link)));
    }
    link.send({Kind::forked, {}, {}});
  }
  return 0;
}

int serve_from_zygote(WorkerLink link, Scoreboard&) {
  return obey(link, [](unsigned, WorkerLink own) { return serve(std::move(own)); });
}

// How often a zygote has been started, from 1; the counter outlives it.
std::uint64_t count_start(Scoreboard& scoreboard) {
  ipc::ThreadSlot& slot = scoreboard.worker(0)[0];
  slot.end();
  return slot.requests.load();
}

/// What the master makes of the zygote's side of a link, without any process.
struct Ready {
  Ready() {
    auto [master_end, zygote_end] = WorkerLink::make_pair();
    zygote.slot().process =
        Process{::getpid(), std::move(master_end), Clock::time_point{}, std::nullopt};
    link = std::move(zygote_end);
    zygote.slot().life.want(Clock::time_point{});
    zygote.slot().life.on_tick(Clock::time_point{});
    zygote.slot().life.on_started(Clock::now(), std::nullopt);
    zygote.slot().life.on_ready(Clock::time_point{});
  }
  ZygoteProcess zygote;
  WorkerLink link;
  std::pair<WorkerLink, WorkerLink> worker = WorkerLink::make_pair();
};

}  // namespace

TEST_SUITE("zygote process") {
  TEST_CASE("it can fork when it is ready, and has one order at a time") {
    ZygoteProcess young;
    CHECK_FALSE(young.can_fork());

    Ready ready;
    CHECK(ready.zygote.can_fork());
    ready.zygote.order_fork(7, ready.worker.second);
    CHECK_FALSE(ready.zygote.can_fork());
    const auto [got, order] = ready.link.receive_order();
    CHECK(got == Got::message);
    CHECK(order.index == 7);
    CHECK(ready.zygote.on_reply() == 7u);
    CHECK(ready.zygote.can_fork());
    CHECK(ready.zygote.on_reply() == std::nullopt);
  }

  TEST_CASE("its death takes the order with it") {
    Ready ready;
    ready.zygote.order_fork(7, ready.worker.second);
    ready.zygote.on_death();
    CHECK(ready.zygote.on_reply() == std::nullopt);
  }

  TEST_CASE("an order that cannot be sent is none") {
    Ready ready;
    ready.link.close();
    CHECK_THROWS_AS(ready.zygote.order_fork(7, ready.worker.second), std::system_error);
    CHECK(ready.zygote.on_reply() == std::nullopt);
  }
}

TEST_SUITE("master with a zygote") {
  TEST_CASE("workers are the master's own children, drain on SIGTERM, and the zygote ends") {
    Supervised master({3, 30s}, serve_from_zygote);
    const pid_t zygote = pid_in(master.wait_for(LogEvent::worker_started, {"zygote"}));
    master.wait_for(LogEvent::worker_prepared, {"3 workers"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started) == 4);
    CHECK(master.count(LogEvent::worker_stopped, {"zygote", named(zygote), "code 0"}) == 1);
    CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 4);
    CHECK(master.count(LogEvent::worker_killed) == 0);
    CHECK(master.count_notes("held by stdio") == 1);
  }

  TEST_CASE("who is not the master's child is not believed to be a worker, and never signalled") {
    Supervised master({1, 1s}, [](WorkerLink link, Scoreboard&) {
      link.send({Kind::ready, {}, {}});
      auto order = next_order(link);
      if (!order) return 1;
      const pid_t liar = ::fork();  // its parent is the zygote
      WorkerLink own(std::move(order->link));
      if (liar == 0) {
        ::alarm(120);
        own.send({Kind::step, StartStep::run_fork_hooks, {}});
        return hang(std::move(own));
      }
      own.close();
      link.send({Kind::forked, {}, {}});
      while (next_order(link)) {
      }
      int status = 0;
      const bool lives = ::waitpid(liar, &status, WNOHANG) == 0;
      ::kill(liar, SIGKILL);
      ::waitpid(liar, &status, 0);
      return lives ? 0 : 1;
    });
    const pid_t zygote = pid_in(master.wait_for(LogEvent::worker_started, {"zygote"}));
    const std::string line = master.wait_for(LogEvent::worker_impostor, {"worker 1"});
    CHECK_FALSE(test::has_field(line, std::to_string(zygote)));
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 1);
    CHECK(master.count(LogEvent::worker_killed) == 0);
  }

  TEST_CASE("a worker that sends descriptors to its master is killed") {
    Supervised master({1, 30s}, [](WorkerLink link, Scoreboard&) {
      return obey(link, [](unsigned, WorkerLink own) {
        constexpr int kPassRights = 83;
        int value = 0;
        socklen_t size = sizeof value;
        test::Hostage hostage;
        const std::array<char, 2> overloaded{static_cast<char>(Kind::overloaded), 0};
        if (::getsockopt(own.fd(), SOL_SOCKET, kPassRights, &value, &size) == 0) {
          // Linux 6.16: the kernel refuses it.
          return hostage.send_along(own.fd(), overloaded.data(), overloaded.size())
                     ? 1
                     : serve(std::move(own));
        }
        hostage.send_along(own.fd(), overloaded.data(), overloaded.size());
        return hang(std::move(own));
      });
    });
    master.wait_for_either(LogEvent::worker_prepared, LogEvent::worker_sent_descriptors,
                           {"worker 1"});
    if (master.count_so_far(LogEvent::worker_sent_descriptors) > 0) {
      CHECK(master.wait_for_end() == support::exit_code::kStart);
    } else {
      master.send(SIGTERM);
      CHECK(master.wait_for_end() == support::exit_code::kOk);
    }
  }

  TEST_CASE("a zygote that cannot import stops the first start, and no worker is tried") {
    Supervised master({3, 30s}, [](WorkerLink link, Scoreboard&) {
      link.send({Kind::step, StartStep::import_application, {}});
      link.send({Kind::failed, StartStep::import_application, "No module named 'app'"});
      return support::exit_code::kStart;
    });
    master.wait_for(LogEvent::worker_start_failed,
                    {"zygote", "import_application", "No module named 'app'"});
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count(LogEvent::worker_started) == 1);
    CHECK(master.count(Level::error, {"zygote"}) == 1);
  }

  TEST_CASE("a fork that fails at the first start gives it up") {
    Supervised master({2, 30s}, [](WorkerLink link, Scoreboard&) {
      link.send({Kind::ready, {}, {}});
      while (const auto order = next_order(link))
        link.send({Kind::not_forked, {}, "fork: no room"});
      return 0;
    });
    master.wait_for(LogEvent::worker_not_forked, {"worker 1", "fork: no room"});
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count(LogEvent::worker_not_forked) == 1);
  }

  TEST_CASE("a fork that fails later is tried again, with pauses") {
    Supervised master({1, 30s}, [](WorkerLink link, Scoreboard&) {
      link.send({Kind::ready, {}, {}});
      for (int n = 0; auto order = next_order(link); ++n) {
        if (n == 1 || n == 2) {
          link.send({Kind::not_forked, {}, "fork: no room"});
          continue;
        }
        if (fork_one(*order)) return serve(WorkerLink(std::move(order->link)));
        link.send({Kind::forked, {}, {}});
      }
      return 0;
    });
    const pid_t worker = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    ::kill(worker, SIGKILL);
    master.wait_for(LogEvent::worker_not_forked, {"worker 1", "fork: no room"});
    master.wait_for(LogEvent::worker_not_forked, {"worker 1", "fork: no room"});
    master.wait_for(LogEvent::worker_started, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a worker that dies is forked anew by the same zygote, and described as any other") {
    Supervised master({2, 30s}, serve_from_zygote);
    const pid_t worker = pid_in(master.wait_for(LogEvent::worker_started, {"worker 2"}));
    master.wait_for_start();
    ::kill(worker, SIGXCPU);
    master.wait_for(LogEvent::worker_died, {"worker 2", named(worker), "SIGXCPU", kBelowASecond});
    CHECK(pid_in(master.wait_for(LogEvent::worker_ready, {"worker 2"})) != worker);
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started, {"zygote"}) == 1);
  }

  TEST_CASE("a worker that is killed before it can do anything is replaced, its exit told") {
    Supervised master({1, 30s}, [](WorkerLink link, Scoreboard& board) {
      return obey(link, [&](unsigned, WorkerLink own) {
        if (count_start(board) == 2) ::raise(SIGKILL);
        return serve(std::move(own));
      });
    });
    const pid_t first = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    ::kill(first, SIGKILL);
    CHECK_FALSE(test::has_field(master.wait_for(LogEvent::worker_died, {"worker 1", "SIGKILL"}),
                                "run_fork_hooks"));
    master.wait_for(LogEvent::worker_died, {"worker 1", "SIGKILL", "run_fork_hooks"});
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a zygote that is killed is replaced; its workers serve on, and die as the master's") {
    Supervised master({1, 30s}, serve_from_zygote);
    const pid_t zygote = pid_in(master.wait_for(LogEvent::worker_started, {"zygote"}));
    const pid_t worker = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    ::kill(zygote, SIGKILL);
    CHECK(
        master.wait_for(LogEvent::worker_died, {"zygote", named(zygote), "SIGKILL", kBelowASecond})
            .ends_with("; examined zygote, signal 9"));
    CHECK(pid_in(master.wait_for(LogEvent::worker_ready, {"zygote"})) != zygote);
    CHECK(::kill(worker, 0) == 0);
    ::kill(worker, SIGKILL);
    master.wait_for(LogEvent::worker_died, {"worker 1", named(worker), "SIGKILL"});
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_started, {"zygote"}) == 2);
  }

  TEST_CASE("a worker that is due while there is no zygote waits for the next one") {
    Supervised master({1, 30s}, [](WorkerLink link, Scoreboard& board) {
      if (count_start(board) > 1) return serve_from_zygote(std::move(link), board);
      link.send({Kind::ready, {}, {}});
      auto order = next_order(link);
      if (fork_one(*order)) return serve(WorkerLink(std::move(order->link)));
      link.send({Kind::forked, {}, {}});
      next_order(link);  // the second: the zygote dies with it
      return 3;
    });
    const pid_t worker = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    ::kill(worker, SIGKILL);
    master.wait_for(LogEvent::worker_died, {"zygote", "code 3"});
    master.wait_for(LogEvent::worker_ready, {"zygote"});
    CHECK(pid_in(master.wait_for(LogEvent::worker_ready, {"worker 1"})) != worker);
    CHECK(master.count(LogEvent::worker_died, {"worker 1", "SIGKILL"}) == 1);
    CHECK(master.count(LogEvent::worker_died, {"worker 1"}) == 2);  // and one was not forked
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("a worker whose zygote died before it answered is not lost") {
    Supervised master({1, 30s}, [](WorkerLink link, Scoreboard& board) {
      if (count_start(board) > 1) return serve_from_zygote(std::move(link), board);
      link.send({Kind::ready, {}, {}});
      auto order = next_order(link);
      if (fork_one(*order)) {
        link.close();
        return serve(WorkerLink(std::move(order->link)));
      }
      next_order(link);  // the stop
      return 0;
    });
    const pid_t zygote = pid_in(master.wait_for(LogEvent::worker_started, {"zygote"}));
    const pid_t worker = pid_in(master.wait_for(LogEvent::worker_started, {"worker 1"}));
    master.wait_for_start();
    ::kill(zygote, SIGKILL);
    master.wait_for(LogEvent::worker_ready, {"zygote"});
    ::kill(worker, SIGKILL);
    master.wait_for(LogEvent::worker_ready, {"worker 1"});
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_died, {"worker 1"}) == 1);
    CHECK(master.count(LogEvent::worker_stopped, {"worker 1"}) == 1);
  }

  TEST_CASE("a zygote that hangs does not keep a stop, nor does the worker it was to fork") {
    for (const int signal : {SIGTERM, SIGQUIT}) {
      Supervised master({1, 100ms},
                        [](WorkerLink link, Scoreboard&) { return hang(std::move(link)); });
      master.wait_for(LogEvent::worker_prepared, {"zygote"});  // ready
      master.send(signal);
      CHECK(master.wait_for_end() == support::exit_code::kOk);
      CHECK(master.count(LogEvent::worker_killed, {"zygote"}) == 1);
      CHECK(master.count(LogEvent::worker_killed, {"worker 1"}) <= 1);
    }
  }

  TEST_CASE("a worker that is not known yet when it is to be killed is killed at its first word") {
    int gate[2];
    REQUIRE(::pipe(gate) == 0);
    const support::UniqueFd held(gate[0]);
    const support::UniqueFd opened(gate[1]);
    Supervised master({1, 1h}, [&held](WorkerLink link, Scoreboard&) {
      link.send({Kind::ready, {}, {}});
      auto order = next_order(link);
      if (support::fork_orphan() == ForkSide::child) {
        ::alarm(120);
        link.close();
        char token = 0;
        if (::read(held.get(), &token, 1) != 1) return 1;
        return hang(WorkerLink(std::move(order->link)));
      }
      link.send({Kind::step, StartStep::import_application, {}});
      link.send({Kind::failed, StartStep::import_application, "all is lost"});
      return hang(std::move(link));
    });
    master.wait_for(LogEvent::worker_start_failed, {"zygote", "all is lost"});
    master.send(SIGQUIT);
    master.wait_for(LogEvent::worker_killed, {"worker 1"});
    REQUIRE(::write(opened.get(), "x", 1) == 1);
    CHECK(master.wait_for_end() == support::exit_code::kStart);
    CHECK(master.count(LogEvent::worker_killed, {"worker 1"}) == 1);
    CHECK(master.count(LogEvent::worker_started, {"worker 1"}) == 1);
  }

  TEST_CASE("a zygote has no longer to end than a process that starts") {
    Supervised master({1, 1h}, [](WorkerLink link, Scoreboard&) {
      auto own = WorkerLink(support::UniqueFd(::dup(link.fd())));
      if (const int code = obey(link,
                                [&own](unsigned, WorkerLink worker) {
                                  own.close();
                                  return serve(std::move(worker));
                                });
          link.fd() < 0) {
        return code;
      }
      for (;;) ::pause();
    });
    master.wait_for_start();
    const auto before = std::chrono::steady_clock::now();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(std::chrono::steady_clock::now() - before >= SlotLifecycle::kStartingGrace);
    CHECK(master.count(LogEvent::worker_killed, {"zygote"}) == 1);
    CHECK(master.count(LogEvent::worker_killed, {"worker"}) == 0);
  }

  TEST_CASE("zygote and workers see the end of a master that was killed") {
    Supervised master({3, 30s}, serve_from_zygote);
    master.wait_for_start();
    master.send(SIGKILL);
    CHECK(master.wait_for_end() == -1);
  }

  TEST_CASE("a worker answers a terminal's signals no more than one that the master forks") {
    Supervised master({1, 30s}, [](WorkerLink link, Scoreboard&) {
      return obey(link, [](unsigned, WorkerLink own) {
        for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) ::raise(signal);
        return serve(std::move(own));
      });
    });
    master.wait_for_start();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
  }

  TEST_CASE("many workers are forked one after the other") {
    Supervised master({200, 30s}, serve_from_zygote);
    master.wait_for_start();
    master.send(SIGTERM);
    CHECK(master.wait_for_end() == support::exit_code::kOk);
    CHECK(master.count(LogEvent::worker_stopped, {"code 0"}) == 201);
  }
}
