// A deployment of a test, whose processes run what the test says.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/supervisor/deployment.hpp"

namespace appd::supervisor {

/// How long a worker has for its last requests, where a test does not measure that.
inline constexpr std::chrono::seconds kUsualGrace{30};

/// Has no sockets, logs or inboxes of its own. What is public is set before a generation gets it.
class FakeDeployment : public Deployment {
 public:
  explicit FakeDeployment(unsigned places, unsigned threads = 1)
      : board(std::make_shared<ipc::Scoreboard>(places, threads)) {}

  const GenerationPlan& plan() const noexcept override { return numbers; }
  ipc::Scoreboard& scoreboard() noexcept override { return *board; }
  std::string describe() const override { return "a test"; }

  void take_over() override { tell("takes over"); }
  void close_listeners() noexcept override { tell("closes its listeners"); }
  void leave_open() noexcept override { tell("leaves open"); }
  void reopen_logs() override {}
  gateway::LogStreams logs() const noexcept override { return {}; }
  std::string examine(std::optional<unsigned> index, int wait_status) override {
    return examined ? examined(index, wait_status) : "";
  }
  void recover(unsigned) override {}
  int inbox(unsigned index) const noexcept override {
    return first_inbox < 0 ? -1 : first_inbox + static_cast<int>(index);
  }

  int run_worker(unsigned index, ipc::WorkerLink link) override {
    seem_executed(link);
    return worker(index, std::move(link));
  }
  int run_zygote(ipc::WorkerLink link) override {
    seem_executed(link);
    return zygote(std::move(link));
  }

  GenerationPlan numbers{.graceful_timeout = kUsualGrace};
  const std::shared_ptr<ipc::Scoreboard> board;
  std::function<int(unsigned index, ipc::WorkerLink link)> worker;
  std::function<int(ipc::WorkerLink link)> zygote;
  std::function<std::string(std::optional<unsigned> index, int wait_status)> examined;
  std::function<void(const char* what)> told;  ///< hears of each order but those with a result
  int first_inbox = -1;                        ///< −1 if there are none

 private:
  /// What the execution of a program does to the master's links and to signal handlers.
  static void seem_executed(const ipc::WorkerLink& own) {
    for (int signal = 1; signal < SIGRTMIN; ++signal) {
      struct sigaction action {};
      ::sigaction(signal, nullptr, &action);
      if (action.sa_handler != SIG_IGN) ::signal(signal, SIG_DFL);
    }
    for (int fd = STDERR_FILENO + 1; fd < kMostDescriptors; ++fd) {
      int kind = 0;
      socklen_t size = sizeof kind;
      const bool is_link = ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 &&
                           kind == SOCK_SEQPACKET && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
      if (is_link && fd != own.fd()) ::close(fd);
    }
  }
  static constexpr int kMostDescriptors = 1024;

  void tell(const char* what) const noexcept {
    if (told) told(what);
  }
};

}  // namespace appd::supervisor
