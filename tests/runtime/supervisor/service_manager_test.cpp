// Tests of messages to the service manager.

#include "runtime/supervisor/service_manager.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "fakes/temporary_folder.hpp"
#include "runtime/support/unique_fd.hpp"
#include "runtime/support/unix_address.hpp"

using namespace appd;
using namespace appd::supervisor;
using namespace std::chrono_literals;
using Messages = std::vector<std::string>;

namespace {

/// The manager's end, and what it puts into the environment, for as long as it lives.
class Manager {
 public:
  explicit Manager(const char* watchdog_usec = nullptr, bool abstract = false) {
    const std::string path = folder_ / "notify";
    const auto address = abstract ? support::abstract_address(path) : support::path_address(path);
    REQUIRE(address);
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(socket_.get(), address->get(), address->size) == 0);
    ::setenv("NOTIFY_SOCKET", ((abstract ? "@" : "") + path).c_str(), 1);
    if (watchdog_usec != nullptr) ::setenv("WATCHDOG_USEC", watchdog_usec, 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// Since the last call.
  Messages told() {
    Messages all;
    std::array<char, 1024> buffer;
    for (ssize_t size; (size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0)) >= 0;) {
      all.emplace_back(buffer.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

 private:
  const appd::test::TemporaryFolder folder_;
  appd::support::UniqueFd socket_;
};

constexpr ServiceManager::Clock::time_point kStart{1000s};

}  // namespace

TEST_SUITE("service manager") {
  TEST_CASE("it is told of the start, of each change in the workers, and of the end") {
    Manager manager;
    ServiceManager service("app on /s", 2);
    CHECK(service.on_turn(kStart, 0) == std::nullopt);
    CHECK(manager.told() == Messages{"STATUS=app on /s: 0 of 2 workers ready"});
    service.on_turn(kStart, 0);
    CHECK(manager.told() == Messages{});
    service.on_ready();
    service.on_turn(kStart, 2);
    CHECK(manager.told() == Messages{"READY=1", "STATUS=app on /s: 2 of 2 workers ready"});
    service.on_turn(kStart, 1);
    CHECK(manager.told() == Messages{"STATUS=app on /s: 1 of 2 workers ready"});
    service.on_stopping();
    CHECK(manager.told() ==
          Messages{"STOPPING=1\nSTATUS=app on /s: stopping, running requests are finished"});
    service.on_turn(kStart, 0);
    CHECK(manager.told() == Messages{});
  }

  TEST_CASE("after a reload it is told what is served now, although as many workers are ready") {
    Manager manager;
    ServiceManager service("app on /s", 2);
    service.on_turn(kStart, 2);
    manager.told();
    service.on_reloaded("other on /s", 3);
    service.on_turn(kStart, 2);
    CHECK(manager.told() == Messages{"READY=1", "STATUS=other on /s: 2 of 3 workers ready"});
  }

  TEST_CASE("the watchdog is fed at half of its time, and the next turn asked for by then") {
    Manager manager("4000000");
    ServiceManager service("app", 1);
    CHECK(service.on_turn(kStart, 1) == kStart + 2s);
    CHECK(manager.told().back() == "WATCHDOG=1");
    CHECK(service.on_turn(kStart + 1999ms, 1) == kStart + 2s);
    CHECK(manager.told() == Messages{});
    CHECK(service.on_turn(kStart + 2s, 1) == kStart + 4s);
    CHECK(manager.told() == Messages{"WATCHDOG=1"});
  }

  TEST_CASE("it is not fed while no worker is ready, and at once when one is again") {
    Manager manager("4000000");
    ServiceManager service("app", 1);
    CHECK(service.on_turn(kStart, 0) == std::nullopt);
    service.on_turn(kStart, 1);
    manager.told();
    CHECK(service.on_turn(kStart + 3s, 0) == std::nullopt);
    CHECK(manager.told() == Messages{"STATUS=app: 0 of 1 workers ready"});
    CHECK(service.on_turn(kStart + 3500ms, 1) == kStart + 5500ms);
    CHECK(manager.told() == Messages{"STATUS=app: 1 of 1 workers ready", "WATCHDOG=1"});
  }

  TEST_CASE("while stopping a master that lives is enough") {
    Manager manager("4000000");
    ServiceManager service("app", 1);
    service.on_stopping();
    manager.told();
    CHECK(service.on_turn(kStart, 0) == kStart + 2s);
    CHECK(manager.told() == Messages{"WATCHDOG=1"});
  }

  TEST_CASE("another process's watchdog is none of ours") {
    Manager manager("4000000");
    ::setenv("WATCHDOG_PID", "1", 1);
    ServiceManager service("app", 1);
    CHECK(service.on_turn(kStart, 1) == std::nullopt);
    CHECK(manager.told() == Messages{"STATUS=app: 1 of 1 workers ready"});
  }

  TEST_CASE("a watchdog that names this process is its own") {
    Manager manager("4000000");
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    CHECK(ServiceManager("app", 1).on_turn(kStart, 1) == kStart + 2s);
  }

  TEST_CASE("a watchdog whose time or process is no number is none, and so is one of centuries") {
    for (const char* time : {"", "0", "-4000000", "4s", "4000000 ", "31556953000000",
                             "9223372036854775807", "18446744073709551615"}) {
      CAPTURE(time);
      Manager manager(time);
      CHECK(ServiceManager("app", 1).on_turn(kStart, 1) == std::nullopt);
    }
    Manager year("31556952000000");
    CHECK(ServiceManager("app", 1).on_turn(kStart, 1).has_value());
    ::setenv("WATCHDOG_PID", "mine", 1);
    CHECK(ServiceManager("app", 1).on_turn(kStart, 1) == std::nullopt);
  }

  TEST_CASE("its socket may have a name in the abstract namespace") {
    Manager manager(nullptr, true);
    ServiceManager("app", 1).on_ready();
    CHECK(manager.told() == Messages{"READY=1"});
  }

  TEST_CASE("a manager that cannot be reached, or has no such address, is none") {
    const test::TemporaryFolder folder;
    for (const std::string& address :
         {std::string(), std::string("@"), std::string("vsock:2:9"), folder / "nobody",
          "@" + (folder / "nobody"), "/" + std::string(support::kMostUnixName, 'a'),
          "@" + std::string(support::kMostUnixName + 1, 'a')}) {
      CAPTURE(address);
      Manager manager("4000000");
      ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
      ServiceManager service("app", 1);
      service.on_ready();
      CHECK(service.on_turn(kStart, 1) == kStart + 2s);
      CHECK(manager.told() == Messages{});
    }
  }

  TEST_CASE("a path that is not absolute is no address") {
    Manager manager;
    const auto relative = std::filesystem::relative(std::getenv("NOTIFY_SOCKET"));
    ::setenv("NOTIFY_SOCKET", relative.c_str(), 1);
    ServiceManager("app", 1).on_ready();
    CHECK(manager.told() == Messages{});
  }

  TEST_CASE("a descriptor is open only while a message is sent") {
    Manager manager;
    const auto lowest_free = [] {
      return support::UniqueFd(::open("/", O_PATH | O_CLOEXEC)).get();
    };
    const int before = lowest_free();
    ServiceManager("app", 1).on_ready();
    CHECK(lowest_free() == before);
  }

  TEST_CASE("a start that has failed is the last status, without further lines of the reason") {
    Manager manager;
    ServiceManager service("app", 1);
    service.on_start_failed("worker 1 failed\nREADY=1");
    service.on_stopping();
    service.on_turn(kStart, 0);
    CHECK(manager.told() == Messages{"STATUS=the start failed: worker 1 failed", "STOPPING=1"});
  }

  TEST_CASE("a child without the variables can tell nothing") {
    Manager manager("4000000");
    ::setenv("WATCHDOG_PID", "1", 1);
    ServiceManager::drop_variables();
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      CHECK(std::getenv(name) == nullptr);
    }
    ServiceManager service("app", 1);
    service.on_ready();
    CHECK(manager.told() == Messages{});
  }
}
