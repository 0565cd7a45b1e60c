// Chooses a peer with an idle thread and sends it a connection.

#include "runtime/peers/peer_workers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "runtime/peers/connection_message.hpp"
#include "runtime/support/throw_errno.hpp"

namespace appd::peers {
namespace {

/// Between counting a connection and putting it into the box lie a few instructions; who has not
/// done so after this time has died there.
constexpr std::chrono::milliseconds kGivingTime{100};
/// Until a connection that there was no descriptor for is tried again.
constexpr std::chrono::milliseconds kPause{10};

}  // namespace

Inboxes::Inboxes(unsigned workers) {
  for (unsigned i = 0; workers > 1 && i < workers; ++i) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      support::throw_errno("socketpair", "inbox");
    }
    boxes_.push_back({support::UniqueFd(ends[0]), support::UniqueFd(ends[1])});
  }
}

std::vector<support::UniqueFd> Inboxes::release() {
  std::vector<support::UniqueFd> ends;
  for (Box& box : boxes_) {
    ends.push_back(std::move(box.in));
    ends.push_back(std::move(box.out));
  }
  boxes_.clear();
  return ends;
}

PeerWorkers::PeerWorkers(net::EventLoop& loop, unsigned index, std::span<ipc::WorkerLoad> loads,
                         std::span<const Inboxes::Box> boxes, unsigned threads)
    : index_(index),
      loads_(loads),
      boxes_(boxes),
      threads_(threads),
      watch_(loop, boxes.empty() ? -1 : boxes[index].out.get(), *this),
      pause_(loop, [this] { watch_.want(EPOLLIN); }) {}

void PeerWorkers::open(Adopt adopt, Share share, MakeRoom make_room) {
  adopt_ = std::move(adopt);
  share_ = std::move(share);
  make_room_ = std::move(make_room);
  loads_[index_].open.store(true);
  if (boxes_.empty()) return;
  buffer_.resize(kMostBytes);
  watch_.want(EPOLLIN);
}

void PeerWorkers::close() {
  ipc::WorkerLoad& load = loads_[index_];
  load.open.store(false);
  if (boxes_.empty() || !adopt_) return;
  // Against `give`: either that sees it closed, or this sees that something is on its way.
  const auto deadline = std::chrono::steady_clock::now() + kGivingTime;
  while (true) {
    while (receive_one()) {
    }
    if (load.incoming.load() <= 0 || std::chrono::steady_clock::now() > deadline) return;
    std::this_thread::yield();
  }
}

/// The next one after this worker, so that not all choose the same.
ipc::WorkerLoad* PeerWorkers::idle_one() const noexcept {
  for (std::size_t i = 1; i < boxes_.size(); ++i) {
    ipc::WorkerLoad& load = loads_[(index_ + i) % boxes_.size()];
    if (load.has_idle_thread(threads_)) return &load;
  }
  return nullptr;
}

bool PeerWorkers::give(int socket, std::string_view bytes) noexcept {
  ipc::WorkerLoad* const load = idle_one();
  if (load == nullptr || bytes.size() > kMostBytes) return false;
  Message message({const_cast<char*>(bytes.data()), bytes.size()});
  message.mark = Mark::connection;
  message.put_descriptor(socket);
  load->incoming.fetch_add(1);
  if (load->open.load() && message.send(box_of(*load).in.get())) return true;
  load->incoming.fetch_sub(1);
  return false;
}

void PeerWorkers::offer_time() noexcept {
  if (boxes_.empty()) return;
  const auto most =
      std::max_element(loads_.begin(), loads_.end(), [](const auto& a, const auto& b) {
        return a.waiting.load(std::memory_order_relaxed) <
               b.waiting.load(std::memory_order_relaxed);
      });
  if (most->waiting.load(std::memory_order_relaxed) == 0 || !most->open.load()) return;
  Message message({});
  message.mark = Mark::has_time;
  message.leave_out_descriptor();
  message.send(box_of(*most).in.get());
}

const Inboxes::Box& PeerWorkers::box_of(const ipc::WorkerLoad& load) const noexcept {
  return boxes_[static_cast<std::size_t>(&load - loads_.data())];
}

void PeerWorkers::on_events(std::uint32_t) {
  if (receive_one()) {
    watch_.again();
  } else if (std::exchange(adopted_, false) && loads_[index_].has_idle_thread(threads_)) {
    // What came has been served already. Where it waited there may be more of it, and the next look
    // there is a millisecond away.
    offer_time();
  }
}

void PeerWorkers::on_watch_failed(int) {
  pause();
}

void PeerWorkers::pause() {
  watch_.end();
  pause_.expire_after(kPause);
}

bool PeerWorkers::receive_one() {
  const int box = boxes_[index_].out.get();
  Message message(buffer_);
  {
    const Reading reading(box);
    const Message::Found found = reading ? message.look(box) : Message::Found::failed;
    if (found == Message::Found::nothing) return false;
    if (found != Message::Found::one || !Message::take_out(box)) {
      const bool again = found == Message::Found::no_room && !made_room_ && make_room_();
      made_room_ = again;
      if (!again) pause();
      return again;
    }
    made_room_ = false;
  }
  if (message.mark == Mark::has_time) {
    share_();
    return true;
  }
  loads_[index_].incoming.fetch_sub(1);
  if (support::UniqueFd socket = message.take_descriptor(); socket) {
    adopt_(std::move(socket), message.bytes());
  }
  adopted_ = true;
  return true;
}

}  // namespace appd::peers
