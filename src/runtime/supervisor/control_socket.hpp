// The Unix socket for appd reload, upgrade, stop and status.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/supervisor/clock.hpp"
#include "runtime/supervisor/control_protocol.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/socket_file.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// The socket over which callers ask the master for what signals ask for too, and get a reply. Only
/// its owner may connect (mode 0600). A caller asks one thing. One that asks nothing gets an error
/// and is dropped. One that does not read its reply is dropped. There are at most kMostCallers.
/// Single-threaded.
class ControlSocket {
 public:
  static constexpr std::size_t kMostCallers = 32;
  /// How long a caller may take to ask, and to read its reply.
  static constexpr std::chrono::seconds kPatience{5};
  /// The pause before new callers are accepted again when there was no descriptor for one.
  static constexpr std::chrono::seconds kAcceptPause{1};

  using Caller = std::uint64_t;  ///< never given twice
  struct Request {
    Caller caller;
    ControlVerb verb;
  };

  /// A file that nobody listens on any more is replaced. Throws std::runtime_error.
  explicit ControlSocket(const std::string& path, const support::Account* account = nullptr);
  /// One that this process had already, before execve. Throws std::system_error.
  ControlSocket(const std::string& path, support::UniqueFd listener,
                const support::Account* account = nullptr);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// To be polled for reading.
  int fd() const noexcept { return epoll_.get(); }
  /// What has been asked since. Callers that are gone are forgotten.
  std::vector<Request> receive(Clock::time_point now, gateway::Reporter& reporter);
  /// Drops callers that have asked or read nothing for too long, sends what could not be sent
  /// before, and looks for new callers again.
  void tick(Clock::time_point now);
  /// When `tick` has something to do; std::nullopt if only events move it.
  std::optional<Clock::time_point> due() const noexcept;

  int listener() const noexcept { return listener_.get(); }
  /// −1 if the caller is gone.
  int fd_of(Caller caller) const noexcept;
  /// Takes over a caller that has asked already.
  Caller adopt(support::UniqueFd fd);

  /// Nothing happens for a caller that is gone.
  void say(Caller caller, std::string_view text) noexcept;
  /// Tells the outcome, and ends the connection.
  void succeed(Caller caller, std::string_view text) noexcept;
  void fail(Caller caller, std::string_view text) noexcept;

 private:
  struct Line {
    support::UniqueFd fd;
    std::optional<Clock::time_point>
        patience;  ///< when its time to ask ends; std::nullopt once it has asked
    std::deque<ControlMessage> unsent{};  ///< what its socket has not taken yet
    std::optional<Clock::time_point> unread_since{};
    bool told = false;  ///< the outcome; the connection ends when all is sent
  };
  using Lines = std::map<Caller, Line>;

  void accept_all(Clock::time_point now, gateway::Reporter& reporter);
  void pause(Clock::time_point now, gateway::Reporter& reporter);
  bool make_room();
  std::optional<Request> read(Caller caller);
  Caller add(Line line, std::uint32_t events);
  bool watch(int operation, int fd, Caller caller, std::uint32_t events) noexcept;
  void watch_listener();
  void send(Caller caller, ControlMessage::Kind kind, std::string_view text) noexcept;
  void resend_all(Clock::time_point now) noexcept;
  bool resend(Lines::iterator found) noexcept;

  support::UniqueFd epoll_;
  Caller last_ = 0;
  Lines callers_;                                ///< oldest first
  std::optional<Clock::time_point> resend_due_;  ///< std::nullopt if all is sent
  std::optional<Clock::time_point> accept_due_;  ///< std::nullopt while callers are accepted
  bool reported_ = false;                        ///< the lack of a descriptor
  // After the callers, so that the file is gone when they hear the end.
  support::UniqueFd listener_;
  support::SocketFile file_;
};

}  // namespace appd::supervisor
