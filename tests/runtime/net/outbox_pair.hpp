// An outbox at one end of a connection, and what its tests write into it.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "fakes/front_socket.hpp"
#include "fakes/recording_reporter.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/net/outbox.hpp"

namespace appd::test {

/// Two ends of a connection. Only TCP takes a part of what is small.
inline std::array<support::UniqueFd, 2> connected(int domain) {
  if (domain == AF_UNIX) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {support::UniqueFd(ends[0]), support::UniqueFd(ends[1])};
  }
  const support::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  support::UniqueFd front(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  const int small = 4096;
  REQUIRE(::setsockopt(front.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  REQUIRE(::bind(listener.get(), generic, size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
  REQUIRE(::connect(front.get(), generic, size) == 0);
  support::UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return {std::move(server), std::move(front)};
}

/// An outbox on one end of a connection, with little room in between.
struct Pair {
  TemporaryFolder folder;
  RecordingReporter reporter;
  net::OutgoingMemory memory;
  support::UniqueFd server;
  FrontSocket front{support::UniqueFd()};
  std::unique_ptr<net::Outbox> outbox;

  explicit Pair(int domain = AF_UNIX, std::size_t most = 64 << 20, net::SpoolQuota* quota = nullptr)
      : memory(most, folder.path(), quota, reporter) {
    std::array<support::UniqueFd, 2> ends = connected(domain);
    server = std::move(ends[0]);
    ::fcntl(server.get(), F_SETFL, O_NONBLOCK);
    front = FrontSocket(std::move(ends[1]));
    const int small = 4096;
    ::setsockopt(server.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    outbox = std::make_unique<net::Outbox>(server.get(), memory);
  }

  net::Outbox::Status write(std::string_view bytes, gateway::Keeper* keeper = nullptr,
                            const net::RequestState& request = net::kNeverCancelled) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return outbox->write(std::span(&part, 1), keeper, request);
  }
  /// A write that may wait for the next one.
  net::Outbox::Status hold(std::string_view bytes,
                           const net::RequestState& request = net::kNeverCancelled) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return outbox->write(std::span(&part, 1), nullptr, request, net::Outbox::Urgency::may_wait);
  }
  /// Sends past the outbox until the socket takes no more.
  std::string fill() {
    const std::string bytes(100, '.');
    std::string sent;
    while (::send(server.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) sent += bytes;
    return sent;
  }
  std::string read_now() {
    std::string got;
    while (!front.silent() && !front.ended()) {
      got += front.receive([](const std::string& part) { return !part.empty(); });
    }
    return got;
  }
  /// Flushes and reads in turns until nothing waits and nothing more can be read.
  std::string drain() {
    std::string got;
    do {
      if (outbox->flush() == net::Outbox::Flushed::broken) break;
      got += read_now();
    } while (outbox->blocked());
    return got;
  }
};

inline std::string letters(std::size_t size, char first = 'a') {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(first + static_cast<char>((i ^ i >> 9) % 23));
  return bytes;
}

/// Counts how often its bytes got an owner and whether that is still there.
struct CountingKeeper final : gateway::Keeper {
  int made = 0;
  int alive = 0;

  std::shared_ptr<const void> keep() override {
    ++made;
    ++alive;
    return {this, [](const CountingKeeper* self) { --const_cast<CountingKeeper*>(self)->alive; }};
  }
};

inline gateway::FileRange file_of(const TemporaryFolder& folder, std::string_view content,
                                  std::uint64_t offset, std::uint64_t length) {
  const std::string path = folder / "file";
  support::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  REQUIRE(::write(fd.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  return {std::make_shared<const support::UniqueFd>(std::move(fd)), offset, length};
}

}  // namespace appd::test
