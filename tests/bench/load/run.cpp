// Runs all clients for the wanted time and collects the figures.

#include "bench/load/run.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "bench/load/client.hpp"
#include "bench/load/descriptor_limit.hpp"
#include "bench/load/idle_connections.hpp"
#include "bench/load/process_tree.hpp"

namespace appd::load {
namespace {

namespace asio = boost::asio;
using std::chrono::nanoseconds;

Kind make_kind(Wire wire, const Endpoint& endpoint, const KindOptions& options) {
  Kind kind;
  kind.wire = wire;
  kind.endpoint = endpoint;
  kind.request = make_request(wire, options.request);
  kind.head_only = options.request.method == "HEAD";
  kind.status = options.status;
  kind.length = options.length;
  return kind;
}

/// When the main kind's clients stop beginning requests.
struct Quota {
  std::uint64_t requests = std::numeric_limits<std::uint64_t>::max();
  Clock::time_point until = Clock::time_point::max();
};

/// All connections of a run, driven in phases. In each all clients start together; the phase is
/// over when the main kind has met its quota and every response has come. So nothing is under way
/// between two phases, and what is measured there belongs to whole requests.
class Crowd : private Pace {
 public:
  explicit Crowd(const Options& options)
      : patience_(options.patience),
        main_(make_kind(options.wire, resolve(options.address), options.kind)) {
    add_clients(main_, options.kind.connections);
    if (!options.beside) return;
    beside_.emplace(make_kind(options.wire, main_.endpoint, *options.beside));
    add_clients(*beside_, options.beside->connections);
  }

  /// Throws InvalidRun.
  void drive(Quota quota, bool counting) {
    quota_ = quota;
    main_.counting = counting;
    if (beside_) beside_->counting = counting;
    busy_ = clients_.size();
    busy_main_ = main_clients_;
    loop_.restart();
    watch();
    for (const auto& client : clients_) client->start();
    loop_.run();
    if (!failure_.empty()) {
      throw InvalidRun(fmt::format("after {} right responses: {}", responses_, failure_));
    }
  }

  Kind& main_kind() { return main_; }
  std::optional<Kind>& beside_kind() { return beside_; }

 private:
  void add_clients(Kind& kind, std::size_t count) {
    Pace& pace = *this;
    for (std::size_t i = 0; i < count; ++i) {
      clients_.push_back(std::make_unique<Client>(loop_, pace, kind));
    }
    if (&kind == &main_) main_clients_ = count;
  }

  bool may_begin(const Kind& kind, Clock::time_point now) override {
    if (&kind != &main_) return busy_main_ > 0;
    if (quota_.requests == 0 || now >= quota_.until) return false;
    --quota_.requests;
    return true;
  }

  void on_rest(const Kind& kind) override {
    if (&kind == &main_) --busy_main_;
    if (--busy_ == 0) watchdog_.cancel();
  }

  void on_response() override { ++responses_; }

  void on_failure(std::string why) override {
    if (failure_.empty()) failure_ = std::move(why);
    loop_.stop();
  }

  /// A server that is silent for long ends the run.
  void watch() {
    watchdog_.expires_after(patience_);
    watchdog_.async_wait([this, seen = responses_](const boost::system::error_code& error) {
      if (error) return;
      if (responses_ != seen) return watch();
      on_failure(fmt::format("no response within {} ms", patience_.count()));
    });
  }

  asio::io_context loop_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  asio::steady_timer watchdog_{loop_};
  const std::chrono::milliseconds patience_;
  Kind main_;
  std::optional<Kind> beside_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t main_clients_ = 0;

  // Of the present phase.
  Quota quota_;
  std::size_t busy_ = 0;
  std::size_t busy_main_ = 0;

  std::uint64_t responses_ = 0;
  std::string failure_;
};

Quota quota_of(const Options& options, Clock::time_point now) {
  Quota quota;
  if (options.requests) quota.requests = *options.requests;
  if (options.duration) quota.until = now + *options.duration;
  return quota;
}

/// The server's processes before and after the counted requests.
class ServerWatch {
 public:
  explicit ServerWatch(pid_t server) : server_(server), before_(ProcessTree::measure(server)) {}

  /// The idle connections are about to be opened.
  void before_idle() { figures_.idle_pss_kib = ProcessTree::measure(server_).pss_kib(); }
  void begin() { before_ = ProcessTree::measure(server_); }
  void end() {
    const ProcessTree after = ProcessTree::measure(server_);
    figures_.cpu = after.cpu_since(before_);
    figures_.pss_kib = after.pss_kib();
    figures_.processes = after.running();
    if (figures_.cpu <= nanoseconds(0)) {
      throw InvalidRun(fmt::format("process {} and its descendants did nothing", server_));
    }
  }

  const ServerFigures& figures() const { return figures_; }

 private:
  pid_t server_;
  ProcessTree before_;
  ServerFigures figures_;
};

std::size_t connections_of(const Options& options) {
  return options.kind.connections + options.idle_connections +
         (options.beside ? options.beside->connections : 0);
}

}  // namespace

Report run(const Options& options) {
  allow_connections(connections_of(options));
  Crowd crowd(options);
  std::optional<ServerWatch> server;
  if (options.server) server.emplace(*options.server);

  crowd.drive(Quota{.until = Clock::now() + options.warm_up}, false);
  if (server && options.idle_connections > 0) server->before_idle();
  IdleConnections idle(crowd.main_kind(), options.idle_connections, options.patience);

  Report report;
  if (server) server->begin();
  const Clock::time_point begun = Clock::now();
  crowd.drive(quota_of(options, begun), true);
  report.duration = Clock::now() - begun;
  if (server) server->end();
  idle.check();

  report.latencies = std::move(crowd.main_kind().latencies);
  if (report.latencies.count() == 0) throw InvalidRun("no request was counted");
  if (crowd.beside_kind()) report.beside = std::move(crowd.beside_kind()->latencies);
  if (server) report.server = server->figures();
  return report;
}

}  // namespace appd::load
