// Takes all free descriptors away from the process.
#pragma once

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "runtime/support/unique_fd.hpp"

namespace appd::test {

/// While it lives, the process can open no further descriptor, or no more than `left`.
class NoDescriptors {
 public:
  explicit NoDescriptors(std::size_t left = 0) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit none{static_cast<rlim_t>(first_free_after(left)), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  static int first_free_after(std::size_t left) {
    std::vector<support::UniqueFd> lower;
    while (lower.size() < left) lower.emplace_back(::dup(0));
    return support::UniqueFd(::dup(0)).get();
  }

  rlimit before_{};
};

}  // namespace appd::test
