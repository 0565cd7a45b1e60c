// Watches a channel, and pauses while its messages cannot be taken.

#include "runtime/peers/channel_receiver.hpp"

#include <sys/epoll.h>

#include <mutex>
#include <utility>

#include "runtime/net/peers.hpp"

namespace appd::peers {
namespace {

/// Until a connection is tried again for which there was no descriptor.
constexpr std::chrono::milliseconds kPause{10};
/// Until another reader has done what takes it a few microseconds.
constexpr std::chrono::milliseconds kReaderPause{1};

}  // namespace

ChannelReceiver::ChannelReceiver(net::EventLoop& loop, const ConnectionChannel& channel,
                                 Readers readers, Owner& owner)
    : channel_(channel),
      events_(readers == Readers::many ? EPOLLIN | EPOLLEXCLUSIVE : std::uint32_t{EPOLLIN}),
      owner_(owner),
      watch_(loop, channel.out.get(), *this),
      pause_(loop, [this] { listen(); }) {}

void ChannelReceiver::open() {
  open_ = true;
  buffer_.resize(net::Peers::kMostBytes);
  listen();
}

void ChannelReceiver::close() noexcept {
  open_ = false;
  watch_.end();
  pause_.cancel();
}

void ChannelReceiver::listen() {
  watch_.want(events_);
}

ChannelReceiver::Received ChannelReceiver::pause(std::chrono::milliseconds time) {
  if (open_) {
    watch_.end();
    pause_.expire_after(time);
  }
  return Received::not_now;
}

void ChannelReceiver::on_events(std::uint32_t) {
  const Received received = receive();
  if (received == Received::nothing) owner_.on_empty();
  // The owner may have closed it.
  if (received == Received::message && watch_.events() != 0) watch_.again();
}

void ChannelReceiver::on_watch_failed(int) {
  pause(kPause);
}

ChannelReceiver::Received ChannelReceiver::receive() {
  ChannelReader::Message message;
  {
    const std::unique_lock among_threads(channel_.reading, std::try_to_lock);
    ChannelReader reader(among_threads ? channel_.out.get() : -1);
    if (!reader) return pause(kReaderPause);
    if (const Received received = take(reader, message); received != Received::message) {
      return received;
    }
  }
  owner_.on_message(std::move(message));
  return Received::message;
}

ChannelReceiver::Received ChannelReceiver::take(ChannelReader& reader,
                                                ChannelReader::Message& message) {
  using Found = ChannelReader::Found;
  const Found found = reader.look(buffer_, message);
  if (found == Found::nothing) return Received::nothing;
  if (found == Found::one && reader.take_out()) {
    made_room_ = false;
    return Received::message;
  }
  made_room_ = found == Found::no_room && !made_room_ && owner_.make_room();
  return made_room_ ? Received::not_now : pause(kPause);
}

}  // namespace appd::peers
