// Takes messages out of a channel, on the event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "runtime/net/event_loop.hpp"
#include "runtime/peers/connection_channel.hpp"

namespace appd::peers {

/// Takes messages out of a channel while it is open, one in each turn of the loop. A connection for
/// which there is no descriptor stays in the channel, and so outlives this process. It is tried
/// again at once if the owner could make room, else soon. Loop's thread only.
class ChannelReceiver final : private net::Watcher {
 public:
  /// What the messages are for.
  class Owner {
   public:
    /// A message was taken out. May close the receiver.
    virtual void on_message(ChannelReader::Message message) = 0;
    /// There is no other message now.
    virtual void on_empty() = 0;
    /// Lets a descriptor of this process become free. False if there is none to spare.
    virtual bool make_room() = 0;

   protected:
    ~Owner() = default;
  };

  /// How many processes wait for messages of the channel. Of `many`, the kernel wakes one.
  enum class Readers : std::uint8_t { one, many };

  ChannelReceiver(net::EventLoop& loop, const ConnectionChannel& channel, Readers readers,
                  Owner& owner);

  void open();
  bool is_open() const noexcept { return open_; }
  /// Nothing is received after this. What comes stays in the channel.
  void close() noexcept;

  enum class Received : std::uint8_t {
    message,  ///< one, which the owner has now
    nothing,  ///< the channel is empty
    not_now,  ///< there is one; an open receiver tries again
  };
  /// Takes a message out now, also while it is closed.
  Received receive();

 private:
  void on_events(std::uint32_t events) override;
  void on_watch_failed(int error) override;
  void listen();
  Received pause(std::chrono::milliseconds time);
  Received take(ChannelReader& reader, ChannelReader::Message& message);

  const ConnectionChannel& channel_;
  const std::uint32_t events_;
  Owner& owner_;
  bool open_ = false;
  bool made_room_ = false;  // in vain, if the next message cannot be taken now
  std::vector<char> buffer_;
  net::EventLoop::Watch watch_;
  net::EventLoop::Timer pause_;
};

}  // namespace appd::peers
