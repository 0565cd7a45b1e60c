// Waits for orders, SIGTERM and timers beside the loop.

#include "runtime/worker/control_thread.hpp"

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "runtime/gateway/flush_pause.hpp"
#include "runtime/support/worker_signals.hpp"

namespace appd::worker {
namespace {

constexpr std::chrono::milliseconds kTellPause{50};

}  // namespace

ControlThread::ControlThread(ipc::WorkerLink& link, gateway::Reporter& reporter)
    : link_(link),
      reporter_(reporter),
      orders_(context_),
      signals_(context_),
      beat_timer_(context_),
      log_timer_(context_),
      tell_timer_(context_) {
  claim_.finish();
}

void ControlThread::start(Handlers handlers) {
  handlers_ = std::move(handlers);
  orders_.assign(link_.fd());
  await_order();
  support::install_own_handler(SIGTERM, [this] { signals_.add(SIGTERM); });
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (!error) handlers_.on_sigterm();
  });
  if (beat_) beat();
  reporter_.on_behind([this] { boost::asio::post(context_, [this] { flush_log_later(); }); });
  thread_ = std::thread([this] { context_.run(); });
}

void ControlThread::beat_every(std::chrono::nanoseconds interval, std::function<void()> beat) {
  beat_interval_ = interval;
  beat_ = std::move(beat);
}

void ControlThread::tell(ipc::WorkerMessage message) {
  if (link_.try_send(message)) return;
  boost::asio::post(context_, [this, message = std::move(message)]() mutable {
    untold_.push_back(std::move(message));
    if (untold_.size() == 1) tell_later();
  });
}

void ControlThread::stop() {
  context_.stop();
  thread_.join();
  reporter_.on_behind(nullptr);
}

void ControlThread::release() {
  orders_.release();
}

void ControlThread::await_order() {
  orders_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code error) {
                       if (!error) on_order();
                     });
}

void ControlThread::on_order() {
  using Got = ipc::WorkerLink::Got;
  const auto [got, order] = link_.receive_order();
  if (got == Got::closed) return handlers_.on_master_gone();
  await_order();
  if (got == Got::message) handlers_.on_order(order);
}

void ControlThread::beat() {
  beat_();
  beat_timer_.expires_after(beat_interval_);
  beat_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) beat();
  });
}

/// The log was not read, or holds back lines. Threads that log go on; this one tries again.
void ControlThread::flush_log_later() {
  log_timer_.expires_after(gateway::kFlushPause);
  log_timer_.async_wait([this](boost::system::error_code error) {
    if (!error && !reporter_.flush()) flush_log_later();
  });
}

void ControlThread::tell_later() {
  tell_timer_.expires_after(kTellPause);
  tell_timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    std::erase_if(untold_, [this](const auto& message) { return link_.try_send(message); });
    if (!untold_.empty()) tell_later();
  });
}

}  // namespace appd::worker
