// Receives connections that net/connection.cpp has handed over, and recovers those of dead workers.

#include "runtime/peers/handover.hpp"

#include <string_view>
#include <utility>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::peers {

int recover(int inbox, const HandoverQueue& queue) {
  std::vector<char> buffer(net::Peers::kMostBytes);
  // Closed when all have been moved: the senders decide how long that takes.
  std::vector<support::UniqueFd> moved;
  int connections = 0;
  ChannelReader reader(inbox);  // if not, a replacement in its place takes what is there
  ChannelReader::Message message;
  while (reader && reader.look(buffer, message) == ChannelReader::Found::one) {
    if (message.socket) {
      const bool wanted = message.kind != ChannelReader::Kind::offer;
      const bool full =
          wanted && !queue.send(message.socket.get(), message.caller(), message.bytes);
      moved.push_back(std::move(message.socket));
      if (full) break;
      if (wanted) ++connections;
    }
    if (!reader.take_out()) break;
  }
  queue.send_wake_up();
  return connections;
}

void close_inbox(int inbox) noexcept {
  end_channel(inbox);
}

void HandoverReceiver::open(net::ConnectionTaker& taker) {
  taker_ = &taker;
  receiver_.open();
}

void HandoverReceiver::close() {
  if (!receiver_.is_open()) return;
  receiver_.close();
  // The kernel may have woken this process alone for it. The first try may have made room for it.
  if (receiver_.receive() == ChannelReceiver::Received::not_now) receiver_.receive();
}

void HandoverReceiver::on_message(ChannelReader::Message message) {
  if (message.socket) taker_->take_over(std::move(message.socket), message.caller(), message.bytes);
}

bool HandoverReceiver::make_room() {
  return taker_->make_room_for_given();
}

}  // namespace appd::peers
