// Test cases that hang, for the test of the time limit.

#include <doctest/doctest.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

namespace {

struct LeftRunning {
  ~LeftRunning() {
    while (runs) ::pause();
  }
  bool runs = false;
} left_running;

}  // namespace

TEST_CASE("a case that ends in time") {
  CHECK(true);
}

TEST_CASE("a wake-up that never comes") {
  std::mutex mutex;
  std::condition_variable wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, [] { return false; });
}

TEST_CASE("a case that leaves something running") {
  left_running.runs = true;
}
