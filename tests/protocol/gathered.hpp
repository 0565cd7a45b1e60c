// Joins the ranges of a gathered write.
#pragma once

#include <string>

#include "protocol/response_framer.hpp"

namespace appd::protocol::testing {

/// The bytes that a gathered write of `out` sends.
inline std::string joined(const Gather& out) {
  std::string text;
  for (const auto& part : out.parts()) {
    text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return text;
}

}  // namespace appd::protocol::testing
