// A terminate handler that allocates nothing.

#include "runtime/worker/last_words.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "runtime/support/exit_code.hpp"

namespace appd::worker {
namespace {

gateway::Reporter* listener = nullptr;  // std::terminate takes no argument

/// There may be no memory, so nothing here allocates.
[[noreturn]] void on_terminate() noexcept {
  std::set_terminate(std::abort);
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    listener->report(gateway::LogEvent::worker_failed,
                     "this process ends: std::terminate was called");
  } catch (const std::bad_alloc&) {
    listener->report(gateway::LogEvent::worker_out_of_memory,
                     "out of memory in appd's own code: this process ends, and its requests are "
                     "lost");
    ::_exit(support::exit_code::kMemory);
  } catch (const std::exception& error) {
    std::array<char, 256> text{};
    std::snprintf(text.data(), text.size(), "an internal error of appd ends this process: %s",
                  error.what());
    listener->report(gateway::LogEvent::worker_failed, text.data());
  } catch (...) {
    listener->report(gateway::LogEvent::worker_failed, "an unknown error ends this process");
  }
  std::abort();
}

}  // namespace

void tell_of_uncaught(gateway::Reporter& reporter) noexcept {
  listener = &reporter;
  std::set_terminate(on_terminate);
}

}  // namespace appd::worker
