// Sends connections to peers, and receives theirs.

#include "runtime/peers/peer_workers.hpp"

#include <utility>

namespace appd::peers {
namespace {

/// Between counting a connection and putting it into the inbox lie a few instructions; a peer that
/// has not done so after this time has died there.
constexpr std::chrono::milliseconds kGivingTime{100};
/// Between looks whether what was on its way has come, or its giver has changed its mind.
constexpr std::chrono::milliseconds kClosingInterval{1};

}  // namespace

PeerWorkers::PeerWorkers(net::EventLoop& loop, unsigned index, std::span<ipc::WorkerLoad> loads,
                         std::span<const ConnectionChannel> boxes, const HandoverQueue& queue,
                         unsigned threads)
    : index_(index),
      loads_(loads),
      boxes_(boxes),
      queue_(queue),
      policy_(loads, index, threads),
      closing_timer_(loop, [this] { look_at_closing(); }) {
  if (!boxes.empty()) {
    Owner& owner = *this;
    receiver_.emplace(loop, boxes[index], ChannelReceiver::Readers::one, owner);
  }
}

void PeerWorkers::open(net::ConnectionTaker& taker, std::function<void()> share) {
  taker_ = &taker;
  share_ = std::move(share);
  loads_[index_].open.store(1);
  if (receiver_) receiver_->open();
}

// -- Closing

void PeerWorkers::close(std::function<void()> on_closed) {
  // Against `give`: either that sees it closed, or this sees that something is on its way.
  loads_[index_].open.store(0);
  if (!latest_) latest_ = Clock::now() + kGivingTime;
  while (is_receiving() && receiver_->receive() == ChannelReceiver::Received::message) continue;
  on_closed_.push_back(std::move(on_closed));
  look_at_closing();
}

void PeerWorkers::end() noexcept {
  if (receiver_) receiver_->close();
}

bool PeerWorkers::is_one_on_its_way() const noexcept {
  return is_receiving() && loads_[index_].incoming.load() > 0 && Clock::now() < *latest_;
}

void PeerWorkers::look_at_closing() {
  if (is_one_on_its_way()) return closing_timer_.expire_after(kClosingInterval);
  for (const auto& each : std::exchange(on_closed_, {})) each();
}

// -- Giving

bool PeerWorkers::give(int socket, net::Caller caller, std::string_view bytes) noexcept {
  const std::optional<unsigned> peer = policy_.receiver();
  if (!peer || bytes.size() > kMostBytes) return false;
  ipc::WorkerLoad& load = loads_[*peer];
  load.incoming.fetch_add(1);
  if (load.open.load() != 0 && boxes_[*peer].send(socket, caller, bytes)) return true;
  load.incoming.fetch_sub(1);
  return false;
}

void PeerWorkers::offer_time() noexcept {
  if (boxes_.empty()) return;
  if (const std::optional<unsigned> worker = policy_.neediest()) boxes_[*worker].send_offer();
}

// -- Receiving

void PeerWorkers::on_message(ChannelReader::Message message) {
  if (message.kind == ChannelReader::Kind::offer) return share_();
  loads_[index_].incoming.fetch_sub(1);
  policy_.note_received();
  if (message.socket) taker_->adopt(std::move(message.socket), message.caller(), message.bytes);
}

void PeerWorkers::on_empty() {
  if (policy_.is_time_to_offer()) offer_time();
}

bool PeerWorkers::make_room() {
  return taker_->make_room_for_given();
}

}  // namespace appd::peers
