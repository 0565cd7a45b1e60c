// Starts Python and the server, serves until ordered to end, and exits.

#include "runtime/worker/worker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/net/server.hpp"
#include "runtime/peers/spool_share.hpp"
#include "runtime/pool/long_responses.hpp"
#include "runtime/pool/thread_pool.hpp"
#include "runtime/python/python_runtime.hpp"
#include "runtime/support/event_fd.hpp"
#include "runtime/support/exit_code.hpp"
#include "runtime/support/monotonic.hpp"
#include "runtime/support/release_pages.hpp"
#include "runtime/worker/control_thread.hpp"
#include "runtime/worker/deadline_guard.hpp"
#include "runtime/worker/environment.hpp"
#include "runtime/worker/last_words.hpp"
#include "runtime/worker/rehearsal.hpp"
#include "runtime/worker/start_report.hpp"

namespace appd::worker {
namespace {

using gateway::LogEvent;
using ipc::StartStep;
namespace exit_code = support::exit_code;

/// Signs of life within --heartbeat, after which a silent worker is killed.
constexpr int kBeatsInHeartbeat = 3;

/// The threads as WorkerMessage::Kind::exiting lists them.
std::string list(const std::vector<python::LastingThread>& threads) {
  std::string text;
  for (const auto& [number, name] : threads) {
    text += fmt::format("0x{:0{}x} {}\n", number, 2 * sizeof number, name);
  }
  return text;
}

/// The parts of a serving worker, in the order in which they depend on each other.
class Worker {
 public:
  Worker(const WorkerContext& context, ipc::WorkerLink link, Preloaded preloaded)
      : context_(context),
        link_(std::move(link)),
        report_(link_, context.reporter),
        pool_(loop_, {context.settings.queue, context.settings.queue_timeout}, context.slots,
              context.loads[context.index], context.settings.workers.most > 1),
        peers_(loop_, context.index, context.loads, context.inboxes.boxes(), context.handover_queue,
               context.settings.threads),
        handover_receiver_(loop_, context.handover_queue),
        spool_share_(context.loads, context.index, context.settings.spool_limit),
        server_(loop_, make_server_options(context.settings, context.admission, &spool_share_),
                pool_, context.reporter, &peers_),
        control_(link_, context.reporter),
        python_(std::move(preloaded)) {}

  int run() {
    if (const int code = start(); code != exit_code::kOk) return code;
    support::release_unchanged_file_pages();
    start_control();  // the master may send SIGTERM as soon as it knows that this worker is ready
    link_.send({ipc::WorkerMessage::Kind::ready, {}, {}});
    serve();
    return end();
  }

 private:
  int start() {
    try {
      const bool preloaded = python_ != nullptr;
      if (!preloaded) {
        python_ = start_python(context_.settings, context_.crash_descriptor, context_.reporter,
                               context_.development);
      }
      python_->set_worker(context_.index + 1);
      if (!preloaded) import_application();
      pool_.set_application(python_->application());
      report_.begin(StartStep::start_threads);
      start_threads();
      if (!context_.settings.warmups.empty()) {
        report_.begin(StartStep::warm_up);
        serve_warm_ups(context_.settings, *python_, loop_, server_, context_.reporter);
      }
      return exit_code::kOk;
    } catch (const std::exception&) {
      const int code = report_.fail();
      stop_threads();
      return code;
    }
  }

  void import_application() {
    report_.begin(StartStep::import_application);
    python_->load_application();
  }

  void open_server() {
    if (server_.draining()) return;
    for (support::UniqueFd& socket : context_.sockets) server_.listen(std::move(socket));
    for (support::UniqueFd& socket : context_.http_sockets) {
      server_.listen(std::move(socket),
                     context_.settings.proxy_protocol ? net::Caller::proxied : net::Caller::client);
    }
    peers_.open(server_, [this] { pool_.share(); });
    handover_receiver_.open(server_);
    context_.reporter.report(LogEvent::worker_accepting, "accepts connections");
  }

  void start_control() {
    if (context_.settings.heartbeat.count() > 0) {
      control_.beat_every(context_.settings.heartbeat / kBeatsInHeartbeat, [this] { beat(); });
    }
    control_.start({[this](const ipc::Order& order) { on_order(order); },
                    [this] { drain("the master is gone", Idle::closed); },
                    [this] { drain("SIGTERM", Idle::left, "SIGTERM"); }});
  }

  /// Makes the loop show that it runs. That wakes it: an idle loop would wait for long.
  void beat() {
    loop_.post([this] {
      context_.loads[context_.index].alive.store(support::monotonic_ns(),
                                                 std::memory_order_relaxed);
    });
  }

  void start_threads() {
    if (context_.settings.workers.least < context_.settings.workers.most) {
      pool_.set_overloaded(context_.settings.scale_up_wait, [this] {
        link_.try_send({ipc::WorkerMessage::Kind::overloaded, {}, {}});  // it will be sent again
      });
    }
    pool_.set_waiting([this, responses = pool::LongResponses(context_.slots)]() mutable {
      if (const auto line = responses.look(support::monotonic_ns())) {
        context_.reporter.report(LogEvent::queue_long_calls, *line);
      }
    });
    pool_.set_time_offer([this] { peers_.offer_time(); });
    io_thread_ = std::thread([this] { pool_.run_io_thread(); });
    watch_deadlines();
    python_->start_pool(context_.settings.threads,
                        [this](unsigned index) { pool_.run_pool_thread(index); });
  }

  void watch_deadlines() {
    const pool::DeadlineLimits limits = make_deadline_limits(context_.settings);
    if (!limits.any()) return;
    python_->watch_pool();
    deadlines_.emplace(control_.context(), limits, context_.slots, context_.loads[context_.index],
                       *python_, context_.reporter);
    deadlines_->start([this](unsigned thread, std::uint32_t sequence, const std::string& what) {
      on_stuck(thread, sequence, what);
    });
  }

  void on_order(const ipc::Order& order) {
    using ipc::MasterOrder;
    if (order.kind == MasterOrder::serve) loop_.post([this] { open_server(); });
    if (order.kind == MasterOrder::reopen) context_.reporter.go_on_in(order.logs());
    if (order.kind == MasterOrder::retire) drain("retired", Idle::left);
    if (order.kind == MasterOrder::drain) drain("the master's order", Idle::closed);
  }

  using Idle = net::Server::Idle;
  /// `signal` is the text of WorkerMessage::Kind::retired.
  void drain(const char* why, Idle idle, const char* signal = "") {
    draining_ = true;
    context_.reporter.report(LogEvent::worker_draining, fmt::format("drains: {}", why));
    loop_.post([this, idle, signal] {
      peers_.close([this, idle, signal] { drain_server(idle, signal); });
    });
  }

  /// Nothing is on its way from peers any more: a server that has drained takes nothing.
  void drain_server(Idle idle, const char* signal) {
    handover_receiver_.close();
    server_.drain([this] { on_drained(); }, idle);
    control_.tell({ipc::WorkerMessage::Kind::retired, {}, signal});
  }

  void on_drained() {
    peers_.end();  // what comes too late stays in the inbox, for the master
    if (has_reached(Milestone::drained, Milestone::stuck)) leave_stuck();
    pool_.stop();
  }

  /// A thread does not come back, so the process cannot wait for it. It exits when all else is
  /// done.
  void on_stuck(unsigned thread, std::uint32_t sequence, const std::string& what) {
    control_.tell({ipc::WorkerMessage::Kind::stuck, {}, what});
    loop_.post([this, thread, sequence] { pool_.give_up(thread, sequence, server_); });
    if (!draining_) drain("a thread is stuck", Idle::left);
    if (has_reached(Milestone::stuck, Milestone::drained)) leave_stuck();
  }

  enum class Milestone : unsigned { stuck = 1, drained = 2 };

  /// Notes one milestone. True if the other one had been reached before: of the two threads that
  /// reach them, one is told.
  bool has_reached(Milestone now, Milestone other) noexcept {
    const unsigned before = milestones_.fetch_or(static_cast<unsigned>(now));
    return (before & static_cast<unsigned>(other)) != 0;
  }

  [[noreturn]] void leave_stuck() noexcept {
    context_.reporter.finish();
    ::_exit(exit_code::kStuck);
  }

  void serve() {
    python_->release_main();
    python_->join_pool();
    io_thread_.join();
    control_.stop();
  }

  int end() {
    link_.send({ipc::WorkerMessage::Kind::exiting, {}, list(python_->lasting_threads())});
    server_.stop();
    control_.release();
    const bool flushed = python_->finalize();
    return flushed ? exit_code::kOk : exit_code::kFailure;
  }

  void stop_threads() {
    pool_.stop();
    if (python_) python_->join_pool();
    if (io_thread_.joinable()) io_thread_.join();
    control_.release();
  }

  const WorkerContext& context_;
  ipc::WorkerLink link_;
  StartReport report_;
  net::EventLoop loop_;
  pool::ThreadPool pool_;
  peers::PeerWorkers peers_;
  peers::HandoverReceiver handover_receiver_;
  peers::SpoolShare spool_share_;
  net::Server server_;
  ControlThread control_;
  bool draining_ = false;  // the control thread's
  std::atomic<unsigned> milestones_{0};
  std::unique_ptr<python::PythonRuntime> python_;
  std::optional<DeadlineGuard> deadlines_;
  std::thread io_thread_;
};

int try_out(python::PythonRuntime& python, const config::Settings& settings,
            gateway::Reporter& reporter) {
  try {
    make_server_options(settings, {}, nullptr);  // opens the folders of files
    if (settings.preload == config::Preload::off) {
      python.load_application();
    } else if (!preload_application(python, settings, reporter)) {
      return exit_code::kStart;
    }
    if (!settings.warmups.empty()) rehearse(settings, python, reporter);
    return exit_code::kOk;
  } catch (const python::LoadError& error) {
    reporter.report(LogEvent::check_failed, with_traceback(error.what(), error.traceback()));
  } catch (const std::exception& error) {
    reporter.report(LogEvent::check_failed, error.what());
  }
  return exit_code::kStart;
}

}  // namespace

int run_worker(const WorkerContext& context, ipc::WorkerLink link, Preloaded preloaded) {
  tell_of_uncaught(context.reporter);
  return Worker(context, std::move(link), std::move(preloaded)).run();
}

int check_application(const config::Settings& settings, gateway::Reporter& reporter) {
  try {
    // What an import closes is told by appd's own descriptors. A check may have none but this.
    const support::UniqueFd own = support::open_event_fd();
    python::PythonRuntime python(make_python_options(settings), reporter);
    const int code = try_out(python, settings, reporter);
    python.finalize();
    return code;
  } catch (const std::exception& error) {
    reporter.report(LogEvent::worker_failed, error.what());
  }
  return exit_code::kStart;
}

}  // namespace appd::worker
