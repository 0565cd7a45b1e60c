// The receiving end of the handover queue; net/connection.cpp hands connections over.
#pragma once

#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/peers/channel_receiver.hpp"
#include "runtime/peers/connection_channel.hpp"

namespace appd::peers {

/// The channel in which connections wait for a worker of any generation: the idle ones of retired
/// workers, and those from the inboxes of dead workers. All workers have it open, and the one that
/// has time takes the next.
using HandoverQueue = ConnectionChannel;

/// Moves all connections that wait in a dead worker's inbox into the queue, with what has been read
/// of them. Returns how many it moved. A connection stays in the inbox, for its next reader, if the
/// queue is full or this process has no descriptor for it. `inbox` is the end that the worker read;
/// −1 if it had none. Wakes a receiver in any case: perhaps the dead worker had been woken for what
/// is in the queue. May wait for the senders, so a master leaves it to another process (see
/// support/aside.hpp).
int recover(int inbox, const HandoverQueue& queue);
/// Nothing can be put into the inbox any more; what is in can be taken out.
void close_inbox(int inbox) noexcept;

/// Takes connections out of the queue for a worker. Loop's thread only.
class HandoverReceiver final : private ChannelReceiver::Owner {
 public:
  HandoverReceiver(net::EventLoop& loop, const HandoverQueue& queue)
      : receiver_(loop, queue, ChannelReceiver::Readers::many, *this) {}

  /// Gives connections that come to `taker` from now on.
  void open(net::ConnectionTaker& taker);
  /// From now on other receivers take what comes. May give one more connection to the taker, since
  /// the kernel may have woken this receiver alone for it. The taker puts it back into the queue,
  /// which wakes another receiver.
  void close();

 private:
  void on_message(ChannelReader::Message message) override;
  void on_empty() override {}
  bool make_room() override;

  net::ConnectionTaker* taker_ = nullptr;
  ChannelReceiver receiver_;
};

}  // namespace appd::peers
