#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "bench/load/answer.hpp"

namespace appd::load {

/// Gives `bytes` in pieces of `size` each; false as soon as the answer complains.
inline bool take_in_pieces(Answer& answer, std::string_view bytes, std::size_t size) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (!answer.take(bytes.substr(0, size))) return false;
  }
  return true;
}

}  // namespace appd::load
