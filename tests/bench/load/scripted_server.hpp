// A server that answers each request as a test wants.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fakes/temporary_folder.hpp"

namespace appd::load {

/// What a scripted server does with one request.
struct Reply {
  std::string bytes;
  bool closes = false;  ///< the connection, afterwards
};

/// Listens on a Unix socket and answers its n-th request (from 0 on) as the script says. A request
/// counts as read when as many bytes have come as every request has.
class ScriptedServer {
 public:
  using Script = std::function<Reply(std::size_t request)>;

  ScriptedServer(std::size_t request_size, Script script)
      : request_size_(request_size), script_(std::move(script)), listener_(open_listener()) {
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    // Wakes the thread, which waits for connections too.
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const Connection& connection : connections_) ::close(connection.descriptor);
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string address() const { return folder_ / "server.sock"; }
  std::size_t requests() const { return requests_; }

 private:
  struct Connection {
    int descriptor;
    std::size_t unread;  // bytes of the request under way
  };

  int open_listener() const {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, address().c_str(), sizeof name.sun_path - 1);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
        ::listen(listener, 64) != 0) {
      throw std::runtime_error("cannot listen on " + address());
    }
    return listener;
  }

  void serve() {
    while (!stopping_) {
      std::vector<pollfd> watched{{listener_, POLLIN, 0}};
      for (const Connection& c : connections_) watched.push_back({c.descriptor, POLLIN, 0});
      ::poll(watched.data(), watched.size(), -1);
      std::vector<Connection> open;
      for (std::size_t i = 0; i < connections_.size(); ++i) {
        Connection& connection = connections_[i];
        if (watched[i + 1].revents == 0 || read_some(connection)) {
          open.push_back(connection);
        } else {
          ::close(connection.descriptor);
        }
      }
      connections_ = std::move(open);
      if (watched[0].revents != 0 && !stopping_) accept_one();
    }
  }

  void accept_one() {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor >= 0) connections_.push_back({descriptor, request_size_});
  }

  /// False when the connection is to be closed.
  bool read_some(Connection& connection) {
    char input[65536];
    const std::size_t wanted = std::min(connection.unread, sizeof input);
    const ssize_t got = ::recv(connection.descriptor, input, wanted, 0);
    if (got <= 0) return false;
    connection.unread -= static_cast<std::size_t>(got);
    if (connection.unread > 0) return true;
    connection.unread = request_size_;
    const Reply reply = script_(requests_++);
    return send_all(connection.descriptor, reply.bytes) && !reply.closes;
  }

  static bool send_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  const test::TemporaryFolder folder_;
  const std::size_t request_size_;
  const Script script_;
  const int listener_;
  std::vector<Connection> connections_;  // the thread's
  std::atomic<std::size_t> requests_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace appd::load
