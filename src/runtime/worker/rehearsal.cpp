#include "runtime/worker/rehearsal.hpp"

#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "runtime/observe/scoreboard.hpp"
#include "runtime/worker/crew.hpp"
#include "runtime/worker/environment.hpp"
#include "runtime/worker/warm_up.hpp"

namespace appd::worker {
namespace {

/// Calls `act` and gives what it has thrown.
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

void answer_warm_ups(const config::Settings& settings, python::PythonRuntime& python,
                     net::EventLoop& loop, net::Server& server, gateway::Reporter& reporter) {
  const auto adopt_later = [&loop, &server](support::UniqueFd socket) {
    // A task must be copyable.
    const auto shared = std::make_shared<support::UniqueFd>(std::move(socket));
    loop.post([&server, shared] { server.adopt(std::move(*shared), {}); });
  };
  python.release_main();
  const std::exception_ptr failure = caught([&] {
    warm_up(make_warm_ups(settings), server.options().pinned.value_or(protocol::Wire::uwsgi),
            adopt_later, reporter);
  });
  python.take_main();
  if (failure) std::rethrow_exception(failure);
}

void rehearse(const config::Settings& settings, python::PythonRuntime& python,
              gateway::Reporter& reporter) {
  observe::Scoreboard scoreboard(1, settings.threads);
  net::EventLoop loop;
  Crew crew(loop, {settings.queue, settings.queue_timeout}, scoreboard.worker(0),
            scoreboard.loads()[0]);
  net::Server server(loop, make_server_options(settings, {}, nullptr), crew, reporter);
  crew.set_application(python.application());
  std::thread io_thread([&crew] { crew.run_io_thread(); });
  const std::exception_ptr failure = caught([&] {
    python.start_pool(settings.threads, [&crew](unsigned index) { crew.run_pool_thread(index); });
    answer_warm_ups(settings, python, loop, server, reporter);
  });
  crew.stop();
  python.join_pool();
  io_thread.join();
  server.stop();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace appd::worker
