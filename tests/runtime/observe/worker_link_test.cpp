#include "runtime/observe/worker_link.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <csignal>
#include <string>

using namespace appd::observe;
using Got = WorkerLink::Got;
using Kind = WorkerMessage::Kind;

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
    worker.send({Kind::failed, StartStep::open_server, std::string(100'000, 'x')});
    const auto [got, message] = master.receive_message();
    CHECK(got == Got::message);
    CHECK(message.text == std::string(4096, 'x'));
    CHECK(master.receive_message().first == Got::nothing);
  }

  TEST_CASE("an order arrives once") {
    auto [master, worker] = WorkerLink::make_pair();
    CHECK(worker.receive_order().first == Got::nothing);
    master.send(MasterOrder::drain);
    const auto [got, order] = worker.receive_order();
    CHECK(got == Got::message);
    CHECK(order == MasterOrder::drain);
    CHECK(worker.receive_order().first == Got::nothing);
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
      worker.send({Kind::ready, {}, {}});
    }
  }

  TEST_CASE("what is no message is passed over") {
    auto [master, worker] = WorkerLink::make_pair();
    for (const std::string& bytes :
         {std::string("x"), std::string("\0", 1), std::string("\x03\x00", 2),
          std::string("\x00\x05", 2), std::string("\xff\xff text")}) {
      REQUIRE(::send(worker.fd(), bytes.data(), bytes.size(), 0) > 0);
      CHECK(master.receive_message().first == Got::nothing);
      REQUIRE(::send(master.fd(), "\x7f", 1, 0) > 0);
      CHECK(worker.receive_order().first == Got::nothing);
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
    CHECK(std::string(name(StartStep::start_threads)) == "start_threads");
    CHECK(std::string(name(StartStep::open_server)) == "open_server");
  }
}
