// Tests of messages and orders, lost ends and full sockets.

#include "runtime/ipc/worker_link.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "fakes/hostage.hpp"

using namespace appd::ipc;
using appd::test::Hostage;
using appd::test::time_of;
using Got = WorkerLink::Got;
using Kind = WorkerMessage::Kind;

namespace {

/// As on Linux before 6.16.
void let_descriptors_pass(int socket) {
  constexpr int kPassRights = 83;
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, kPassRights, &on, sizeof on);
}

}  // namespace

TEST_SUITE("worker link") {
  TEST_CASE("messages arrive whole, in order, and then nothing") {
    auto [master, worker] = WorkerLink::make_pair();
    worker.send({Kind::step, StartStep::import_application, {}});
    worker.send({Kind::failed, StartStep::import_application, "No module named 'app'"});
    worker.send({Kind::ready, {}, {}});

    const auto [got, step] = master.receive_message();
    CHECK(got == Got::message);
    CHECK(step.kind == Kind::step);
    CHECK(step.step == StartStep::import_application);
    CHECK(step.text == "");
    const WorkerMessage failed = master.receive_message().second;
    CHECK(failed.kind == Kind::failed);
    CHECK(failed.step == StartStep::import_application);
    CHECK(failed.text == "No module named 'app'");
    CHECK(master.receive_message().second.kind == Kind::ready);
    CHECK(master.receive_message().first == Got::nothing);
  }

  TEST_CASE("a text that is too long is cut, not lost") {
    auto [master, worker] = WorkerLink::make_pair();
    worker.send({Kind::failed, StartStep::warm_up, std::string(100'000, 'x')});
    const auto [got, message] = master.receive_message();
    CHECK(got == Got::message);
    CHECK(message.text == std::string(16 * 1024, 'x'));
    CHECK(master.receive_message().first == Got::nothing);
  }

  TEST_CASE("an order arrives once") {
    auto [master, worker] = WorkerLink::make_pair();
    CHECK(worker.receive_order().first == Got::nothing);
    master.send(MasterOrder::drain);
    const auto [got, order] = worker.receive_order();
    CHECK(got == Got::message);
    CHECK(order.kind == MasterOrder::drain);
    CHECK(!order.link);
    CHECK(worker.receive_order().first == Got::nothing);
  }

  TEST_CASE("an order to fork brings the place and the link of the worker that is to be") {
    auto [master, zygote] = WorkerLink::make_pair();
    auto [master_end, worker_end] = WorkerLink::make_pair();
    CHECK(master.send_fork(1023, worker_end));
    worker_end.close();
    auto [got, order] = zygote.receive_order();
    CHECK(got == Got::message);
    CHECK(order.kind == MasterOrder::fork);
    CHECK(order.index == 1023);
    CHECK((::fcntl(order.link.get(), F_GETFD) & FD_CLOEXEC) != 0);

    WorkerLink worker(std::move(order.link));
    worker.send({Kind::step, StartStep::run_fork_hooks, {}});
    CHECK(master_end.receive_message().second.step == StartStep::run_fork_hooks);
    worker.close();
    CHECK(master_end.receive_message().first == Got::closed);
    CHECK(zygote.receive_order().first == Got::nothing);
  }

  TEST_CASE("an order to reopen brings the logs that there are, each in its place") {
    auto [master, worker] = WorkerLink::make_pair();
    const auto is = [](const appd::support::UniqueFd& one, int other) {
      struct stat first {};
      struct stat second {};
      return ::fstat(one.get(), &first) == 0 && ::fstat(other, &second) == 0 &&
             first.st_ino == second.st_ino;
    };
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const appd::support::UniqueFd reading(pipe[0]);
    const appd::support::UniqueFd file(::memfd_create("a log", 0));
    const int other = master.fd();
    CHECK(master.send_reopen({reading.get(), file.get(), other}));
    CHECK(master.send_reopen({-1, -1, file.get()}));
    CHECK(master.send_reopen({reading.get(), -1, -1}));
    CHECK(master.send_reopen({}));  // nothing is sent

    const Order all = worker.receive_order().second;
    CHECK(all.kind == MasterOrder::reopen);
    CHECK(is(all.out, reading.get()));
    CHECK(is(all.err, file.get()));
    CHECK(is(all.access, other));
    const Order access = worker.receive_order().second;
    CHECK(!access.out);
    CHECK(!access.err);
    CHECK(is(access.access, file.get()));
    const Order out = worker.receive_order().second;
    CHECK(is(out.out, reading.get()));
    CHECK(!out.err);
    CHECK(!out.access);
    CHECK(worker.receive_order().first == Got::nothing);
  }

  TEST_CASE("the link of a worker that was not born ends with the zygote that had the order") {
    auto [master, zygote] = WorkerLink::make_pair();
    auto [master_end, worker_end] = WorkerLink::make_pair();
    CHECK(master.send_fork(0, worker_end));
    worker_end.close();
    CHECK(master_end.receive_message().first == Got::nothing);
    zygote.close();
    CHECK(master_end.receive_message().first == Got::closed);
    CHECK_FALSE(master.send_fork(0, master_end));
  }

  TEST_CASE("a zygote answers an order") {
    auto [master, zygote] = WorkerLink::make_pair();
    zygote.send({Kind::forked, {}, {}});
    zygote.send({Kind::not_forked, {}, "fork: no room"});
    CHECK(master.receive_message().second.kind == Kind::forked);
    const WorkerMessage response = master.receive_message().second;
    CHECK(response.kind == Kind::not_forked);
    CHECK(response.text == "fork: no room");
  }

  TEST_CASE("a worker tells what it is stuck in") {
    auto [master, worker] = WorkerLink::make_pair();
    worker.send({Kind::stuck, {}, "GET / (thread 1)"});
    const WorkerMessage told = master.receive_message().second;
    CHECK(told.kind == Kind::stuck);
    CHECK(told.text == "GET / (thread 1)");
  }

  TEST_CASE("the master knows who sent a message, whatever is written in it") {
    auto [master, worker] = WorkerLink::make_pair();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      worker.send({Kind::ready, {}, {}, 1});
      ::_exit(0);
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    CHECK(master.receive_message().second.sender == child);
  }

  TEST_CASE("descriptors beside a message end the link, and nobody waits for who sent them") {
    auto [master, worker] = WorkerLink::make_pair();
    let_descriptors_pass(master.fd());
    Hostage hostage;
    worker.send({Kind::ready, {}, {}});
    const std::array<char, 2> ready{static_cast<char>(Kind::ready), 0};
    REQUIRE(hostage.send_along(worker.fd(), ready.data(), ready.size()));
    const auto took = time_of([&master = master] {
      CHECK(master.receive_message().first == Got::message);
      CHECK(master.receive_message().first == Got::descriptors);
      CHECK(master.receive_message().first == Got::descriptors);
      master.end();
    });
    CHECK(took < Hostage::kLinger / 3);
    CHECK(::wait(nullptr) > 0);
    CHECK(worker.receive_order().first == Got::closed);
  }

  TEST_CASE("a link is ended without waiting for what was not read from it") {
    auto [master, worker] = WorkerLink::make_pair();
    let_descriptors_pass(master.fd());
    worker.send({Kind::ready, {}, {}});
    Hostage hostage;
    REQUIRE(hostage.send_along(worker.fd(), "", 0));
    CHECK(time_of([&master = master] { master.end(); }) < Hostage::kLinger / 3);
    CHECK(::wait(nullptr) > 0);
  }

  TEST_CASE("what a full link does not take can be kept, or waited with") {
    auto [master, worker] = WorkerLink::make_pair();
    int told = 0;
    while (told < 100'000 && worker.try_send({Kind::overloaded, {}, {}})) ++told;
    REQUIRE(told < 100'000);
    CHECK_FALSE(worker.try_send({Kind::ready, {}, {}}));
    std::thread waiting([&worker = worker] { worker.send({Kind::ready, {}, {}}); });
    for (int heard = 0; heard < told; ++heard) {
      REQUIRE(master.receive_message().second.kind == Kind::overloaded);
    }
    waiting.join();
    CHECK(master.receive_message().second.kind == Kind::ready);
    CHECK(worker.try_send({Kind::ready, {}, {}}));
  }

  TEST_CASE("a link in which nothing is left is ended at once") {
    auto [master, worker] = WorkerLink::make_pair();
    master.end();
    CHECK(master.fd() == -1);
    CHECK(worker.receive_order().first == Got::closed);
    CHECK(::wait(nullptr) == -1);  // no process was needed
  }

  TEST_CASE("the other side's end is seen, after what it still said") {
    ::signal(SIGPIPE, SIG_DFL);
    auto [master, worker] = WorkerLink::make_pair();
    worker.send({Kind::ready, {}, {}});
    SUBCASE("by the master") {
      worker.close();
      CHECK(master.receive_message().first == Got::message);
      CHECK(master.receive_message().first == Got::closed);
      master.send(MasterOrder::drain);  // neither throws nor raises SIGPIPE
    }
    SUBCASE("by the worker, though the master left words unread") {
      master.close();
      CHECK(worker.receive_order().first == Got::closed);
      worker.send({Kind::ready, {}, {}});  // does not wait
    }
  }

  TEST_CASE("what it said is not lost with an order that it did not read") {
    auto [master, worker] = WorkerLink::make_pair();
    master.send(MasterOrder::drain);
    worker.send({Kind::failed, StartStep::import_application, "No module named 'app'"});
    worker.close();
    const auto [got, failed] = master.receive_message();
    CHECK(got == Got::message);
    CHECK(failed.kind == Kind::failed);
    CHECK(master.receive_message().first == Got::closed);
  }

  TEST_CASE("what is no message is passed over") {
    auto [master, worker] = WorkerLink::make_pair();
    for (const std::string& bytes :
         {std::string("x"), std::string("\0", 1), std::string("\x0a\x00", 2),
          std::string("\x00\x06", 2), std::string("\xff\xff text")}) {
      REQUIRE(::send(worker.fd(), bytes.data(), bytes.size(), 0) > 0);
      CHECK(master.receive_message().first == Got::nothing);
      for (const std::string& order : {std::string("\x7f"), std::string("\x01\x00\x00", 3)}) {
        REQUIRE(::send(master.fd(), order.data(), order.size(), 0) > 0);
        CHECK(worker.receive_order().first == Got::nothing);
      }
    }
    worker.send({Kind::ready, {}, {}});
    CHECK(master.receive_message().first == Got::message);
  }

  TEST_CASE("neither end is inherited by programs") {
    const auto [master, worker] = WorkerLink::make_pair();
    for (const WorkerLink* link : {&master, &worker}) {
      CHECK((::fcntl(link->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    }
  }

  TEST_CASE("a step's name is the word that logs use") {
    CHECK(std::string(name(StartStep::enter_directory)) == "enter_directory");
    CHECK(std::string(name(StartStep::start_interpreter)) == "start_interpreter");
    CHECK(std::string(name(StartStep::import_application)) == "import_application");
    CHECK(std::string(name(StartStep::run_fork_hooks)) == "run_fork_hooks");
    CHECK(std::string(name(StartStep::start_threads)) == "start_threads");
    CHECK(std::string(name(StartStep::warm_up)) == "warm_up");
  }
}
