// Runs the warm-up requests through a running server, or through one made for the purpose.

#include "runtime/worker/rehearsal.hpp"

#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "runtime/ipc/scoreboard.hpp"
#include "runtime/net/warm_up.hpp"
#include "runtime/pool/thread_pool.hpp"
#include "runtime/worker/environment.hpp"

namespace appd::worker {
namespace {

/// Calls `act` and returns what it threw; null if it threw nothing.
template <typename Act>
std::exception_ptr caught(Act act) {
  try {
    act();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

void serve_warm_ups(const config::Settings& settings, python::PythonRuntime& python,
                    net::EventLoop& loop, net::Server& server, gateway::Reporter& reporter) {
  const auto adopt_later = [&loop, &server](support::UniqueFd socket) {
    // A task must be copyable.
    const auto shared = std::make_shared<support::UniqueFd>(std::move(socket));
    loop.post([&server, shared] { server.adopt(std::move(*shared), net::Caller::front, {}); });
  };
  python.release_main();
  const std::exception_ptr failure = caught([&] {
    net::warm_up(make_warm_ups(settings), server.options().pinned.value_or(protocol::Wire::uwsgi),
                 adopt_later, reporter);
  });
  python.take_main();
  if (failure) std::rethrow_exception(failure);
}

void rehearse(const config::Settings& settings, python::PythonRuntime& python,
              gateway::Reporter& reporter) {
  ipc::Scoreboard scoreboard(1, settings.threads);
  net::EventLoop loop;
  pool::ThreadPool pool(loop, {settings.queue, settings.queue_timeout}, scoreboard.worker(0),
                        scoreboard.loads()[0]);
  net::Server server(loop, make_server_options(settings, {}, nullptr), pool, reporter);
  pool.set_application(python.application());
  std::thread io_thread([&pool] { pool.run_io_thread(); });
  const std::exception_ptr failure = caught([&] {
    python.start_pool(settings.threads, [&pool](unsigned index) { pool.run_pool_thread(index); });
    serve_warm_ups(settings, python, loop, server, reporter);
  });
  pool.stop();
  python.join_pool();
  io_thread.join();
  server.stop();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace appd::worker
