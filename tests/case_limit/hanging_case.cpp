#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

TEST_CASE("a case that ends in time") {
  CHECK(true);
}

TEST_CASE("a wake-up that never comes") {
  std::mutex mutex;
  std::condition_variable wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, [] { return false; });
}
