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
                     "out of memory in the server itself: this process ends, and its requests "
                     "with it");
    ::_exit(support::exit_code::kMemory);
  } catch (const std::exception& error) {
    std::array<char, 256> text{};
    std::snprintf(text.data(), text.size(), "this process ends, after an error of the server: %s",
                  error.what());
    listener->report(gateway::LogEvent::worker_failed, text.data());
  } catch (...) {
    listener->report(gateway::LogEvent::worker_failed, "this process ends, after an unknown error");
  }
  std::abort();
}

}  // namespace

void tell_of_uncaught(gateway::Reporter& reporter) noexcept {
  listener = &reporter;
  std::set_terminate(on_terminate);
}

}  // namespace appd::worker
