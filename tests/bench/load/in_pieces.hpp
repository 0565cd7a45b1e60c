// Feeds a response in pieces of a given size, for tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "bench/load/response.hpp"

namespace appd::load {

/// Gives `bytes` in pieces of `size` each; false as soon as the response complains.
inline bool take_in_pieces(Response& response, std::string_view bytes, std::size_t size) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (!response.take(bytes.substr(0, size))) return false;
  }
  return true;
}

}  // namespace appd::load
