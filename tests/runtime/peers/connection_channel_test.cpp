// Tests of the channel for connections, message by message.

#include "runtime/peers/connection_channel.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "fakes/no_descriptors.hpp"
#include "fakes/wired.hpp"

using namespace appd;
using namespace appd::test;
using peers::ChannelReader;
using peers::ConnectionChannel;
using Found = ChannelReader::Found;
using Kind = ChannelReader::Kind;

namespace {

/// Whether another process could read there just now.
bool is_free_for_others(const ConnectionChannel& channel) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(ChannelReader(channel.out.get()) ? 0 : 1);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0;
}

}  // namespace

TEST_SUITE("connection channel") {
  TEST_CASE("a connection stays in the channel until it is taken out, and comes with its bytes") {
    const ConnectionChannel channel;
    const Wired wired;
    REQUIRE(channel.send(wired.server.get(), net::Caller::front, "read already"));
    ChannelReader reader(channel.out.get());
    REQUIRE(static_cast<bool>(reader));
    std::vector<char> buffer(100);
    ChannelReader::Message message;
    for (int look = 0; look < 2; ++look) {
      REQUIRE(reader.look(buffer, message) == Found::one);
      CHECK(message.kind == Kind::front);
      CHECK(message.bytes == "read already");
      CHECK((::fcntl(message.socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
      CHECK(heard(wired.front, message.socket, "hello") == "hello");
    }
    CHECK(reader.take_out());
    CHECK(reader.look(buffer, message) == Found::nothing);
    CHECK_FALSE(reader.take_out());
  }

  TEST_CASE("a connection keeps its kind of caller") {
    const ConnectionChannel channel;
    const Wired wired;
    ChannelReader reader(channel.out.get());
    std::vector<char> buffer(100);
    for (const auto caller : {net::Caller::front, net::Caller::client, net::Caller::proxied}) {
      REQUIRE(channel.send(wired.server.get(), caller));
      ChannelReader::Message message;
      REQUIRE(reader.look(buffer, message) == Found::one);
      CHECK(message.caller() == caller);
      CHECK(reader.take_out());
    }
  }

  TEST_CASE("offers and wake-ups have neither descriptor nor bytes") {
    const ConnectionChannel channel;
    REQUIRE(channel.send_offer());
    REQUIRE(channel.send_wake_up());
    ChannelReader reader(channel.out.get());
    std::vector<char> buffer(100);
    for (const Kind kind : {Kind::offer, Kind::front}) {
      ChannelReader::Message message;
      REQUIRE(reader.look(buffer, message) == Found::one);
      CHECK(message.kind == kind);
      CHECK_FALSE(message.socket);
      CHECK(message.bytes.empty());
      CHECK(reader.take_out());
    }
  }

  TEST_CASE("a message keeps nothing of the one before") {
    const ConnectionChannel channel;
    const Wired wired;
    REQUIRE(channel.send(wired.server.get(), net::Caller::front, "bytes"));
    REQUIRE(channel.send_offer());
    ChannelReader reader(channel.out.get());
    std::vector<char> buffer(100);
    ChannelReader::Message message;
    REQUIRE(reader.look(buffer, message) == Found::one);
    REQUIRE(reader.take_out());
    REQUIRE(reader.look(buffer, message) == Found::one);
    CHECK_FALSE(message.socket);
    CHECK(message.bytes.empty());
  }

  TEST_CASE("without a free descriptor a connection is seen, and can be had later") {
    const ConnectionChannel channel;
    const Wired wired;
    REQUIRE(channel.send(wired.server.get(), net::Caller::front));
    ChannelReader reader(channel.out.get());
    ChannelReader::Message message;
    std::vector<char> buffer(1);
    {
      const NoDescriptors none;
      CHECK(reader.look(buffer, message) == Found::no_room);
      CHECK_FALSE(message.socket);
    }
    CHECK(reader.look(buffer, message) == Found::one);
    CHECK(heard(wired.front, message.socket, "hello") == "hello");
  }

  TEST_CASE("one process reads at a time, and may look for a descriptor meanwhile") {
    const ConnectionChannel channel;
    const Wired wired;
    REQUIRE(channel.send(wired.server.get(), net::Caller::front));
    CHECK(is_free_for_others(channel));
    {
      ChannelReader reader(channel.out.get());
      REQUIRE(static_cast<bool>(reader));
      CHECK_FALSE(is_free_for_others(channel));
      const NoDescriptors none;
      ChannelReader::Message message;
      std::vector<char> buffer(1);
      REQUIRE(reader.look(buffer, message) == Found::no_room);
      CHECK_FALSE(is_free_for_others(channel));
    }
    CHECK(is_free_for_others(channel));
  }

  TEST_CASE("a channel that does not exist has no reader") {
    const ChannelReader reader(-1);
    CHECK_FALSE(static_cast<bool>(reader));
  }

  TEST_CASE("a full channel takes nothing more") {
    const ConnectionChannel channel;
    const Wired wired;
    int sent = 0;
    while (sent < 10'000 &&
           channel.send(wired.server.get(), net::Caller::front, std::string(1000, 'x')))
      ++sent;
    CHECK(sent > 10);
    CHECK(sent < 10'000);
    CHECK_FALSE(channel.send(wired.server.get(), net::Caller::front, std::string(1000, 'x')));
  }

  TEST_CASE("a channel that has ended takes nothing more, and gives what is in") {
    const ConnectionChannel channel;
    const Wired wired;
    REQUIRE(channel.send(wired.server.get(), net::Caller::front));
    peers::end_channel(channel.out.get());
    CHECK_FALSE(channel.send(wired.server.get(), net::Caller::front));
    ChannelReader reader(channel.out.get());
    ChannelReader::Message message;
    std::vector<char> buffer(1);
    CHECK(reader.look(buffer, message) == Found::one);
    CHECK(message.socket);
  }
}
