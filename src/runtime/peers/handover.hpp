// The handover queue that workers of all generations share.
#pragma once

#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/peers/channel_receiver.hpp"
#include "runtime/peers/connection_channel.hpp"

namespace appd::peers {

/// The channel in which idle connections of retired workers, and what dead ones had been given,
/// wait for workers that serve, of any generation. All have it open, and the one that has time
/// takes the next.
using HandoverQueue = ConnectionChannel;

/// A worker has died: moves all connections that wait in its inbox (the end that it read; −1 if it
/// had none) into the queue, with what has been read of them. Returns how many there were. One that
/// finds the queue full, or for which there is no descriptor, stays in the inbox for its next
/// reader. Then a receiver looks into the queue, even if it was the dead worker that had been woken
/// for what is in. May wait for the senders: not for a master, see support/aside.hpp.
int recover(int inbox, const HandoverQueue& queue);
/// Nothing can be put into the inbox any more; what is in can be taken out.
void close_inbox(int inbox) noexcept;

/// Takes connections out of the queue for a worker. Loop's thread only.
class HandoverReceiver final : private ChannelReceiver::Owner {
 public:
  HandoverReceiver(net::EventLoop& loop, const HandoverQueue& queue)
      : receiver_(loop, queue, ChannelReceiver::Readers::many, *this) {}

  /// From now on gives connections that come to `taker`.
  void open(net::ConnectionTaker& taker);
  /// Leaves what comes to the others. May give one more connection to the taker, which is then to
  /// be put into the queue again: that wakes another receiver, where this one may have been woken
  /// for it.
  void close();

 private:
  void on_message(ChannelReader::Message message) override;
  void on_empty() override {}
  bool make_room() override;

  net::ConnectionTaker* taker_ = nullptr;
  ChannelReceiver receiver_;
};

}  // namespace appd::peers
