#include "bench/load/run.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "bench/load/client.hpp"
#include "bench/load/idle_connections.hpp"
#include "bench/load/process_tree.hpp"

namespace appd::load {
namespace {

namespace asio = boost::asio;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds kSilence{30};

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
/// over when the main kind has met its quota and every answer has come. So nothing is under way
/// between two phases, and what is measured there belongs to whole requests.
class Crowd : private Pace {
 public:
  explicit Crowd(const Options& options)
      : main_(make_kind(options.wire, resolve(options.address), options.kind)) {
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
      throw InvalidRun(fmt::format("after {} right answers: {}", answers_, failure_));
    }
  }

  Kind& main() { return main_; }
  std::optional<Kind>& beside() { return beside_; }

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

  void on_answer() override { ++answers_; }

  void on_failure(std::string why) override {
    if (failure_.empty()) failure_ = std::move(why);
    loop_.stop();
  }

  /// A server that is silent for long ends the run.
  void watch() {
    watchdog_.expires_after(kSilence);
    watchdog_.async_wait([this, seen = answers_](const boost::system::error_code& error) {
      if (error) return;
      if (answers_ != seen) return watch();
      on_failure(fmt::format("no answer within {} seconds", kSilence.count()));
    });
  }

  asio::io_context loop_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  asio::steady_timer watchdog_{loop_};
  Kind main_;
  std::optional<Kind> beside_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t main_clients_ = 0;

  // Of the present phase.
  Quota quota_;
  std::size_t busy_ = 0;
  std::size_t busy_main_ = 0;

  std::uint64_t answers_ = 0;
  std::string failure_;
};

Quota quota_of(const Options& options, Clock::time_point now) {
  Quota quota;
  if (options.requests) quota.requests = *options.requests;
  if (options.duration) quota.until = now + *options.duration;
  return quota;
}

}  // namespace

Report run(const Options& options) {
  Crowd crowd(options);
  if (options.warm_up > nanoseconds(0)) {
    Quota quota;
    quota.until = Clock::now() + options.warm_up;
    crowd.drive(quota, false);
  }
  const auto tree = [&options] { return ProcessTree::measure(*options.server); };
  Report report;
  if (options.server) report.server.emplace();
  if (options.server && options.idle_connections > 0)
    report.server->idle_pss_kib = tree().pss_kib();
  IdleConnections idle(crowd.main(), options.idle_connections);

  std::optional<ProcessTree> before;
  if (options.server) before = tree();
  const Clock::time_point begun = Clock::now();
  crowd.drive(quota_of(options, begun), true);
  report.duration = Clock::now() - begun;
  if (options.server) {
    const ProcessTree after = tree();
    report.server->cpu = after.cpu_since(*before);
    report.server->pss_kib = after.pss_kib();
    report.server->processes = after.processes().size();
  }
  idle.check();
  report.latencies = std::move(crowd.main().latencies);
  if (crowd.beside()) report.beside = std::move(crowd.beside()->latencies);
  return report;
}

}  // namespace appd::load
