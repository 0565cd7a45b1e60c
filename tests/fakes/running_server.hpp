// A whole worker without Python, for tests of loop, pool and server together.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <string_view>
#include <thread>
#include <vector>

#include "fakes/front_protocols.hpp"
#include "fakes/front_socket.hpp"
#include "fakes/recording_reporter.hpp"
#include "fakes/scripted_application.hpp"
#include "fakes/temporary_folder.hpp"
#include "fakes/usual_options.hpp"
#include "runtime/net/event_loop.hpp"
#include "runtime/net/peers.hpp"
#include "runtime/net/server.hpp"
#include "runtime/peers/peer_workers.hpp"
#include "runtime/pool/thread_pool.hpp"
#include "runtime/sockets/listening_socket.hpp"

namespace appd::test {

/// What the workers of one application share.
struct Share {
  explicit Share(unsigned workers) : loads(workers), inboxes(workers) {}

  std::vector<ipc::WorkerLoad> loads;
  peers::Inboxes inboxes;
  peers::HandoverQueue handover_queue;
};

/// A worker's peers, but for the handover queue: the test says what a drain hands connections over
/// with.
class PeersWithWayOut final : public net::Peers {
 public:
  /// Takes a copy of the descriptor, or returns false.
  using WayOut = std::function<bool(int socket)>;

  explicit PeersWithWayOut(net::Peers& peers) : peers_(peers) {}

  void set_way_out(WayOut way_out) { way_out_ = std::move(way_out); }

  bool any_idle() const noexcept override { return peers_.any_idle(); }
  bool give(int socket, net::Caller caller, std::string_view bytes) noexcept override {
    return peers_.give(socket, caller, bytes);
  }
  bool queue_for_handover(int socket, net::Caller, std::string_view) noexcept override {
    return way_out_(socket);
  }
  void set_full(bool full) noexcept override { peers_.set_full(full); }

 private:
  net::Peers& peers_;
  WayOut way_out_;
};

struct ServerSetup {
  UsualOptions options{};
  unsigned threads = 2;
  std::size_t queue = 100;
  bool tcp = false;
  Share* share = nullptr;  ///< shared with other servers of as many threads; null if it is alone
  unsigned index = 0;      ///< its place among them
  std::chrono::milliseconds queue_time{0};
  net::Caller caller = net::Caller::front;
};

/// A worker without Python: the real loop, pool and server, and a scripted application.
class RunningServer {
 public:
  using WayOut = PeersWithWayOut::WayOut;

  explicit RunningServer(ScriptedApplication& application, ServerSetup setup = {})
      : RunningServer(application, std::make_unique<Share>(1), std::move(setup)) {}
  ~RunningServer() {
    application_.gate.open();
    // Ends calls that wait for their front. Without a loop there are none.
    if (!stopped_ && !drained() && !threads_ended()) on_loop([this] { server_.stop(); });
    stop_threads();
    server_.stop();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  FrontSocket connect() const {
    return port_ == 0 ? FrontSocket::to_unix(socket_.name()) : FrontSocket::to_port(port_);
  }
  /// One request on a connection of its own, sent and read at the same time.
  FrontResponse ask(Speech speech, const Asked& asked) const {
    FrontSocket front = connect();
    const std::string sent = request(speech, asked);
    return speech == Speech::fastcgi_kept
               ? response_in(speech, front.exchange(sent, ended_responses(1)), asked.id)
               : response_in(speech, front.exchange(sent), asked.id);
  }

  /// How often pool threads have reported that they are idle.
  int time_offers() const noexcept { return time_offers_.load(); }

  /// Runs `work` on the loop and waits for it.
  template <typename Work>
  std::invoke_result_t<Work> on_loop(Work work) {
    const auto task =
        std::make_shared<std::packaged_task<std::invoke_result_t<Work>()>>(std::move(work));
    auto done = task->get_future();
    loop_.post([task] { (*task)(); });
    if (done.wait_for(kPatience) != std::future_status::ready) {
      throw std::runtime_error("the loop stands still");
    }
    return done.get();
  }
  std::size_t connections() {
    return on_loop([this] { return server_.connections(); });
  }
  /// Begins to drain, or changes how a drain hands connections over; with none, it closes them. The
  /// threads end when it is done.
  void drain(WayOut way_out = nullptr) {
    on_loop([this, &way_out] { begin_drain(std::move(way_out)); });
  }
  /// The same. Loop's thread.
  void begin_drain(WayOut way_out = nullptr) {
    peers_.close([this, way_out = std::move(way_out)] {
      drain_server(
          [this] {
            peers_.end();
            ++drained_;
            pool_.stop();
          },
          way_out);
    });
  }
  /// Server::drain alone. Loop's thread.
  void drain_server(std::function<void()> on_done, WayOut way_out = nullptr) {
    const auto idle = way_out ? net::Server::Idle::left : net::Server::Idle::closed;
    ways_out_.set_way_out(std::move(way_out));
    server_.drain(std::move(on_done), idle);
  }
  bool drained() const noexcept { return times_drained() > 0; }
  int times_drained() const noexcept { return drained_.load(); }
  /// Answers in place of all calls that run now, as if their threads did not return.
  void give_up_calls() {
    on_loop([this] {
      for (unsigned thread = 0; thread < slots_.size(); ++thread) {
        const auto seen = slots_[thread].read();
        if (seen.started == 0) continue;
        pool_.give_up(thread, seen.sequence, server_);
      }
    });
  }
  /// The same for the calls that ran when `sequences` was taken.
  void give_up_calls(const std::vector<std::uint32_t>& sequences) {
    on_loop([&] {
      for (unsigned thread = 0; thread < slots_.size(); ++thread) {
        pool_.give_up(thread, sequences[thread], server_);
      }
    });
  }
  /// The sequence of each thread's slot.
  std::vector<std::uint32_t> sequences() const {
    std::vector<std::uint32_t> all;
    for (const auto& slot : slots_) all.push_back(slot.read().sequence);
    return all;
  }
  /// Requests that wait for a thread.
  int waiting() const noexcept { return share_.loads[index_].waiting.load(); }
  /// Threads that count as busy.
  int running() const noexcept { return share_.loads[index_].running.load(); }
  /// True once all threads have returned from the pool.
  bool threads_ended() const noexcept { return running_.load() == 0; }
  void stop_threads() {
    stopped_ = true;
    pool_.stop();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  net::Server& server() noexcept { return server_; }
  pool::ThreadPool& pool() noexcept { return pool_; }
  net::EventLoop& loop() noexcept { return loop_; }
  RecordingReporter& reporter() noexcept { return reporter_; }
  const TemporaryFolder& folder() const noexcept { return folder_; }
  /// Calls whose front had gone away before the response was complete.
  unsigned lost() const {
    unsigned count = 0;
    for (const ipc::ThreadSlot& slot : slots_) count += slot.lost.load();
    return count;
  }
  std::uint64_t served_by(unsigned thread) const { return slots_[thread].requests.load(); }

 private:
  RunningServer(ScriptedApplication& application, std::unique_ptr<Share> alone, ServerSetup setup)
      : application_(application),
        alone_(std::move(alone)),
        share_(setup.share != nullptr ? *setup.share : *alone_),
        index_(setup.index),
        socket_(open_socket(folder_, setup.tcp)),
        slots_(setup.threads),
        pool_(loop_, {setup.queue, setup.queue_time}, slots_, share_.loads[setup.index],
              share_.loads.size() > 1),
        peers_(loop_, setup.index, share_.loads, share_.inboxes.boxes(), share_.handover_queue,
               setup.threads),
        ways_out_(peers_),
        server_(loop_, with_spool(std::move(setup.options), folder_), pool_, reporter_,
                &ways_out_) {
    if (setup.tcp) port_ = static_cast<std::uint16_t>(std::stoul(after_colon(socket_.name())));
    pool_.set_application(application);
    pool_.set_time_offer([this] {
      ++time_offers_;
      peers_.offer_time();
    });
    server_.listen(socket_.take_fd(), setup.caller);
    peers_.open(server_, [this] { pool_.share(); });
    running_ = setup.threads + 1;
    threads_.emplace_back([this] {
      pool_.run_io_thread();
      --running_;
    });
    for (unsigned i = 0; i < setup.threads; ++i) {
      threads_.emplace_back([this, i] {
        pool_.run_pool_thread(i);
        --running_;
      });
    }
  }

  static sockets::ListeningSocket open_socket(const TemporaryFolder& folder, bool tcp) {
    const sockets::Address address = tcp ? sockets::Address{sockets::TcpEndpoint{"127.0.0.1", "0"}}
                                         : sockets::Address{sockets::UnixPath{folder / "socket"}};
    return sockets::ListeningSocket::open(address, {});
  }
  static UsualOptions with_spool(UsualOptions options, const TemporaryFolder& folder) {
    if (options.spool_dir.empty()) options.spool_dir = folder.path();
    return options;
  }
  static std::string after_colon(const std::string& name) {
    return name.substr(name.rfind(':') + 1);
  }

  ScriptedApplication& application_;
  const std::unique_ptr<Share> alone_;
  Share& share_;
  const unsigned index_;
  TemporaryFolder folder_;
  RecordingReporter reporter_;
  sockets::ListeningSocket socket_;
  std::uint16_t port_ = 0;
  std::vector<ipc::ThreadSlot> slots_;
  net::EventLoop loop_;
  pool::ThreadPool pool_;
  peers::PeerWorkers peers_;
  PeersWithWayOut ways_out_;
  net::Server server_;
  std::vector<std::thread> threads_;
  std::atomic<unsigned> running_{0};
  std::atomic<int> drained_{0};
  std::atomic<int> time_offers_{0};
  bool stopped_ = false;
};

/// Stops the loop while it lives, so that nothing that happens meanwhile is the loop's doing.
class StoppedLoop {
 public:
  explicit StoppedLoop(RunningServer& server) {
    server.loop().post([gate = gate_] { gate->wait(); });
    REQUIRE(eventually([&] { return gate_->waiting() == 1; }));
  }
  ~StoppedLoop() { gate_->open(); }

 private:
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace appd::test
